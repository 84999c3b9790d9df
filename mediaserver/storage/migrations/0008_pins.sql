-- accounts: how many streams a person may have at once

ALTER TABLE users ADD COLUMN max_streams {int};  -- NULL: as many as the house gives everybody; 0: no limit

-- streaming: who asked for a timeline, so that one person's many do not push out everybody's

CREATE TABLE timeline_holders (
  user_id {int} NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  digest {text} NOT NULL REFERENCES timelines(digest) ON DELETE CASCADE,
  kept_until_ms {int} NOT NULL,
  PRIMARY KEY (user_id, digest)
) {strict};
CREATE INDEX timeline_holders_digest ON timeline_holders (digest);

-- listening: what a person wants kept ready: an album or a track

CREATE TABLE pins (
  id {pk},
  user_id {int} NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  album_id {int} REFERENCES albums(id) ON DELETE CASCADE,
  track_id {int} REFERENCES tracks(id) ON DELETE CASCADE,
  pinned_at_ms {int} NOT NULL,
  UNIQUE (user_id, album_id),
  UNIQUE (user_id, track_id),
  CHECK ((album_id IS NULL) <> (track_id IS NULL))
) {strict};
CREATE INDEX pins_album ON pins (album_id);
CREATE INDEX pins_track ON pins (track_id);
