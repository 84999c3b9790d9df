"""The wire shapes of the native API, one function each."""

from __future__ import annotations

from typing import Any

from mediaserver.views.administration import ReportedProblem, User
from mediaserver.views.browsing import Album, Artist, Genre, Track
from mediaserver.views.people import Session, Token

Json = dict[str, Any]


def cover(digest: str | None) -> str | None:
    return f"/api/v1/covers/{digest}" if digest else None


def artist(one: Artist) -> Json:
    return {
        "id": one.id,
        "name": one.name,
        "album_count": one.album_count,
        "track_count": one.track_count,
        "cover": cover(one.picture),
    }


def genre(one: Genre) -> Json:
    return {"id": one.id, "name": one.name, "track_count": one.track_count}


def album(one: Album) -> Json:
    return {
        "id": one.id,
        "title": one.title,
        "artist": one.artist_credit,
        "artists": [{"id": ref.id, "name": ref.name} for ref in one.artists],
        "year": one.year,
        "compilation": one.is_compilation,
        "track_count": one.track_count,
        "duration_ms": one.duration_ms,
        "cover": cover(one.picture),
        "added_at_ms": one.added_at_ms,
    }


def track(one: Track) -> Json:
    return {
        "id": one.id,
        "title": one.title,
        "album": {"id": one.album_id, "title": one.album_title},
        "artist": one.artist_credit,
        "artists": [{"id": ref.id, "name": ref.name} for ref in one.artists],
        "genres": list(one.genres),
        "disc": one.disc_no,
        "track": one.track_no,
        "year": one.year,
        "date": one.date,
        "duration_ms": one.duration_ms,
        "container": one.container,
        "codec": one.codec,
        "rate_hz": one.rate_hz,
        "channels": one.channels,
        "bit_depth": one.bit_depth,
        "bitrate_bps": one.bitrate_bps,
        "lossless": one.is_lossless,
        "size_bytes": one.size_bytes,
        "cover": cover(one.picture),
        "missing": one.is_missing,
        "added_at_ms": one.added_at_ms,
    }


def user(one: User) -> Json:
    return {
        "id": one.id,
        "name": one.name,
        "admin": one.is_admin,
        "max_rank": one.max_rank,
        "created_at_ms": one.created_at_ms,
    }


def token(one: Token) -> Json:
    return {"id": one.id, "name": one.name, "created_at_ms": one.created_at_ms, "seen_at_ms": one.seen_at_ms}


def session(one: Session, *, is_current: bool) -> Json:
    return {
        "id": one.id,
        "client": one.client,
        "address": one.address,
        "created_at_ms": one.created_at_ms,
        "seen_at_ms": one.seen_at_ms,
        "expires_at_ms": one.expires_at_ms,
        "current": is_current,
    }


def problem(one: ReportedProblem) -> Json:
    return {
        "id": one.id,
        "library": one.library,
        "path": one.path,
        "reason": one.reason,
        "detail": one.detail,
        "seen_at_ms": one.seen_at_ms,
    }
