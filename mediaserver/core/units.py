"""Ids as types of their own, so that a track's id is never taken for an album's."""

from __future__ import annotations

from typing import NewType

UserId = NewType("UserId", int)
TokenId = NewType("TokenId", int)
LibraryId = NewType("LibraryId", int)
ArtistId = NewType("ArtistId", int)
AlbumId = NewType("AlbumId", int)
TrackId = NewType("TrackId", int)
GenreId = NewType("GenreId", int)

Digest = NewType("Digest", str)
"""base64url, without padding, of 128 bits of SHA-256: 22 characters."""
