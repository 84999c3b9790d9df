-- listening: how well plays went, as players report it

CREATE TABLE qoe_reports (
  id {pk},
  user_id {int} NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  report_id {text} NOT NULL,                -- made by the player: what comes once more is known by it
  grant_id {text} NOT NULL,                 -- by which session or token it came
  track_id {int} NOT NULL,                  -- no reference: what was heard stays heard when the track goes
  started_at_ms {int} NOT NULL,
  first_sound_ms {int},                     -- from the press, or from the end of the track before; NULL: not known, or none
  is_followed {bool} NOT NULL,              -- it followed another track by itself
  played_ms {int} NOT NULL,                 -- of sound
  stalls {int} NOT NULL,
  stalled_ms {int} NOT NULL,
  switches {int} NOT NULL,                  -- of quality
  buffered_ms {int},                        -- in hand while it played, the mean
  bitrate_bps {int},                        -- of what was heard, the mean
  line_bps {int},                           -- what the line carried
  family {text} NOT NULL,
  player {text} NOT NULL,
  network {text} NOT NULL,
  error {text} NOT NULL,                    -- a word of listening.qoe; empty: none
  UNIQUE (user_id, report_id)
) {strict};
CREATE INDEX qoe_reports_started ON qoe_reports (started_at_ms);
