-- catalog: by which version of the reader (library.reader) a row was read

ALTER TABLE tracks ADD COLUMN reader_version {int} NOT NULL DEFAULT 1;
