-- sound: how loud each sound is

CREATE TABLE loudness (
  digest {text} NOT NULL PRIMARY KEY REFERENCES sounds(digest) ON DELETE CASCADE,
  version {int} NOT NULL,                   -- sound.loudness.VERSION, by which it was measured
  measured_at_ms {int} NOT NULL,
  problem {text} NOT NULL,                  -- why it could not be measured; empty: it was
  integrated_lufs {real},                   -- NULL: silence, or shorter than a block
  range_lu {real},
  true_peak_dbtp {real},
  blocks {bytes} NOT NULL,                  -- media.gating: of which albums are made
  curve {bytes} NOT NULL                    -- media.curve: every 100 ms
) {strict};

-- catalog: gains that the files' tags tell (media.gains); NULL: they tell none

ALTER TABLE tracks ADD COLUMN tagged_track_gain_db {real};
ALTER TABLE tracks ADD COLUMN tagged_track_peak {real};
ALTER TABLE tracks ADD COLUMN tagged_album_gain_db {real};
ALTER TABLE tracks ADD COLUMN tagged_album_peak {real};
