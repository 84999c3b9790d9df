-- library: a file that was taken may be told of for more than one reason, as cut and as unplayable

ALTER TABLE scan_problems RENAME TO scan_problems_before;

CREATE TABLE scan_problems (
  id {pk},
  library_id {int} NOT NULL,
  path {text} NOT NULL,                     -- relative; undecodable bytes written as \xNN
  reason {text} NOT NULL,                   -- a word of library.report
  detail {text} NOT NULL,
  size_bytes {int} NOT NULL,
  mtime_ns {int} NOT NULL,                  -- unchanged bad files are not read again
  seen_at_ms {int} NOT NULL,
  UNIQUE (library_id, path, reason)
) {strict};

INSERT INTO scan_problems (library_id, path, reason, detail, size_bytes, mtime_ns, seen_at_ms)
  SELECT library_id, path, reason, detail, size_bytes, mtime_ns, seen_at_ms FROM scan_problems_before ORDER BY id;

DROP TABLE scan_problems_before;
