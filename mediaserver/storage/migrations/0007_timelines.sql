-- streaming: albums and queues as one continuous sound, kept for as long as an address of them may hold

CREATE TABLE timelines (
  digest {text} NOT NULL PRIMARY KEY,       -- of `parts`, in the form of a sound's digest
  parts {bytes} NOT NULL,                   -- streaming.timeline, deflated
  kept_until_ms {int} NOT NULL
) {strict};
CREATE INDEX timelines_kept ON timelines (kept_until_ms);
