-- catalog: tracks that a cue sheet cuts out of a file; the path of one is that of the file, a slash, and its number

ALTER TABLE tracks ADD COLUMN cut_start {int};  -- its first sample, at rate_hz; NULL: the file is one track
ALTER TABLE tracks ADD COLUMN cut_stop {int};   -- the one past its last; NULL: to the end
ALTER TABLE tracks ADD COLUMN sheets {text} NOT NULL DEFAULT ''; -- library.walk: look of the sheets beside it when it was read
