"""Bytes out: renditions, segments, playlists, pictures."""
