-- accounts: who may

CREATE TABLE users (
  id {pk},
  name {text} NOT NULL,
  name_key {text} NOT NULL UNIQUE,          -- core.text.identity_key
  password_hash {text} NOT NULL,            -- argon2id
  is_admin {bool} NOT NULL,
  max_rank {int} NOT NULL,                  -- the highest rank of recipe that this person may have, 0..99
  created_at_ms {int} NOT NULL
) {strict};

CREATE TABLE sessions (
  id {pk},
  user_id {int} NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  secret_hash {bytes} NOT NULL UNIQUE,      -- SHA-256 of the cookie's value
  grant_id {text} NOT NULL UNIQUE,          -- stands in signed addresses
  client {text} NOT NULL,                   -- the browser's User-Agent, cut
  address {text} NOT NULL,
  created_at_ms {int} NOT NULL,
  seen_at_ms {int} NOT NULL,
  expires_at_ms {int} NOT NULL
) {strict};
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE tokens (
  id {pk},
  user_id {int} NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  name {text} NOT NULL,                     -- of the device
  secret_hash {bytes} NOT NULL UNIQUE,
  grant_id {text} NOT NULL UNIQUE,
  created_at_ms {int} NOT NULL,
  seen_at_ms {int}
) {strict};
CREATE INDEX tokens_user ON tokens (user_id);

CREATE TABLE setup_links (
  secret_hash {bytes} NOT NULL PRIMARY KEY,
  created_at_ms {int} NOT NULL,
  expires_at_ms {int} NOT NULL
) {strict};

CREATE TABLE login_failures (
  subject {text} NOT NULL PRIMARY KEY,      -- accounts.throttle
  failures {int} NOT NULL,
  last_at_ms {int} NOT NULL
) {strict};

CREATE TABLE signing_keys (
  kid {text} NOT NULL PRIMARY KEY,
  secret {bytes} NOT NULL,
  created_at_ms {int} NOT NULL
) {strict};

-- catalog: what exists

CREATE TABLE libraries (
  id {pk},
  root {text} NOT NULL UNIQUE               -- absolute path
) {strict};

CREATE TABLE pictures (
  digest {text} NOT NULL PRIMARY KEY,
  library_id {int} NOT NULL REFERENCES libraries(id) ON DELETE CASCADE,
  path {text} NOT NULL,                     -- the picture file, or the audio file that holds it; relative to the root
  embedded {bool} NOT NULL,
  mime {text} NOT NULL,
  size_bytes {int} NOT NULL
) {strict};

CREATE TABLE artists (
  id {pk},
  name {text} NOT NULL,
  name_key {text} NOT NULL UNIQUE,
  sort_key {text} NOT NULL
) {strict};
CREATE INDEX artists_sort ON artists (sort_key, id);

CREATE TABLE albums (
  id {pk},
  album_key {text} NOT NULL UNIQUE,         -- what makes two tracks one album: catalog.grouping
  title {text} NOT NULL,
  sort_key {text} NOT NULL,
  artist_credit {text} NOT NULL,            -- as it is shown
  artist_sort_key {text} NOT NULL,
  is_compilation {bool} NOT NULL,
  year {int},
  picture_digest {text} REFERENCES pictures(digest) ON DELETE SET NULL,
  added_at_ms {int} NOT NULL
) {strict};
CREATE INDEX albums_sort ON albums (sort_key, id);
CREATE INDEX albums_artist_sort ON albums (artist_sort_key, sort_key, id);
CREATE INDEX albums_added ON albums (added_at_ms, id);
CREATE INDEX albums_oldest ON albums ((COALESCE(year, 9999)), id); -- those without a year come last, both ways
CREATE INDEX albums_newest ON albums ((COALESCE(year, 0)), id);
CREATE INDEX albums_picture ON albums (picture_digest);    -- a picture that goes looks for who refers to it

CREATE TABLE album_artists (
  album_id {int} NOT NULL REFERENCES albums(id) ON DELETE CASCADE,
  position {int} NOT NULL,
  artist_id {int} NOT NULL REFERENCES artists(id) ON DELETE CASCADE,
  PRIMARY KEY (album_id, position)
) {strict};
CREATE INDEX album_artists_artist ON album_artists (artist_id, album_id);

CREATE TABLE genres (
  id {pk},
  name {text} NOT NULL,
  name_key {text} NOT NULL UNIQUE,
  sort_key {text} NOT NULL
) {strict};

CREATE TABLE tracks (
  id {pk},
  library_id {int} NOT NULL REFERENCES libraries(id) ON DELETE CASCADE,
  path {text} NOT NULL,                     -- relative to the root, with /
  size_bytes {int} NOT NULL,
  mtime_ns {int} NOT NULL,
  identity {text} NOT NULL,                 -- media.digest: recognises a moved or retagged file
  title {text} NOT NULL,
  sort_key {text} NOT NULL,
  album_id {int} NOT NULL REFERENCES albums(id),
  artist_credit {text} NOT NULL,
  disc_no {int} NOT NULL,
  track_no {int} NOT NULL,                  -- 0: unknown
  year {int},
  date {text} NOT NULL,                     -- as tagged: 1999, 1999-05, 1999-05-31 or empty
  duration_ms {int} NOT NULL,
  container {text} NOT NULL,
  codec {text} NOT NULL,
  rate_hz {int} NOT NULL,
  channels {int} NOT NULL,
  bit_depth {int},                          -- of lossless sources
  bitrate_bps {int} NOT NULL,
  is_lossless {bool} NOT NULL,
  picture_digest {text} REFERENCES pictures(digest) ON DELETE SET NULL,
  missing_since_ms {int},                   -- NULL: the file is there
  added_at_ms {int} NOT NULL,
  changed_at_ms {int} NOT NULL,
  UNIQUE (library_id, path)
) {strict};
CREATE INDEX tracks_album ON tracks (album_id, disc_no, track_no, id);
CREATE INDEX tracks_sort ON tracks (sort_key, id);
CREATE INDEX tracks_added ON tracks (added_at_ms, id);
CREATE INDEX tracks_identity ON tracks (identity);
CREATE INDEX tracks_picture ON tracks (picture_digest);
CREATE INDEX tracks_missing ON tracks (missing_since_ms) WHERE missing_since_ms IS NOT NULL;

CREATE TABLE track_artists (
  track_id {int} NOT NULL REFERENCES tracks(id) ON DELETE CASCADE,
  position {int} NOT NULL,
  artist_id {int} NOT NULL REFERENCES artists(id) ON DELETE CASCADE,
  PRIMARY KEY (track_id, position)
) {strict};
CREATE INDEX track_artists_artist ON track_artists (artist_id, track_id);

CREATE TABLE track_genres (
  track_id {int} NOT NULL REFERENCES tracks(id) ON DELETE CASCADE,
  genre_id {int} NOT NULL REFERENCES genres(id) ON DELETE CASCADE,
  PRIMARY KEY (track_id, genre_id)
) {strict};
CREATE INDEX track_genres_genre ON track_genres (genre_id, track_id);

-- library: how the folders were read

CREATE TABLE scans (
  id {pk},
  started_at_ms {int} NOT NULL,
  finished_at_ms {int},
  outcome {text} NOT NULL,                  -- running, done, failed, stopped
  message {text} NOT NULL,
  files_seen {int} NOT NULL,
  files_read {int} NOT NULL,
  added {int} NOT NULL,
  changed {int} NOT NULL,
  missing {int} NOT NULL,
  problems {int} NOT NULL
) {strict};

CREATE TABLE scan_problems (
  id {pk},
  library_id {int} NOT NULL,
  path {text} NOT NULL,                     -- relative; undecodable bytes written as \xNN
  reason {text} NOT NULL,                   -- a word of library.report
  detail {text} NOT NULL,
  size_bytes {int} NOT NULL,
  mtime_ns {int} NOT NULL,                  -- unchanged bad files are not read again
  seen_at_ms {int} NOT NULL,
  UNIQUE (library_id, path)
) {strict};

CREATE TABLE folder_pictures (
  library_id {int} NOT NULL,
  path {text} NOT NULL,                     -- relative; the cover beside the audio files of its folder
  size_bytes {int} NOT NULL,
  mtime_ns {int} NOT NULL,
  PRIMARY KEY (library_id, path)
) {strict};

-- sound: what is known of a track's sound

CREATE TABLE sounds (
  digest {text} NOT NULL PRIMARY KEY,       -- sound digest, addresses.md
  made_at_ms {int} NOT NULL
) {strict};

CREATE TABLE sound_files (
  path {text} NOT NULL PRIMARY KEY,         -- absolute
  size_bytes {int} NOT NULL,
  mtime_ns {int} NOT NULL,
  digest {text} NOT NULL REFERENCES sounds(digest),
  packet_index {bytes} NOT NULL             -- of this file: in a copy with other tags the packets lie elsewhere
) {strict};
CREATE INDEX sound_files_digest ON sound_files (digest);

CREATE TABLE retired_sounds (
  digest {text} NOT NULL PRIMARY KEY,       -- its last file has changed: 410
  retired_at_ms {int} NOT NULL
) {strict};
