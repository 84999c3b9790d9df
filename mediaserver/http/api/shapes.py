"""The wire shapes of the native API.

Most are taken attribute by attribute from a room's value (`Shape.of`); what is named otherwise there has its wire name
in `field`. Those with a cover are put together by hand.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from mediaserver.accounts.permits import HIGHEST_RANK
from mediaserver.core.units import AlbumId, ArtistId, GenreId, TokenId, TrackId, UserId
from mediaserver.http.api.offers import Offer
from mediaserver.http.base import basepath
from mediaserver.http.base.shapes import AtMs, Shape, told
from mediaserver.views import browsing, levels

Cover = Annotated[
    str | None,
    Meta(description="an address of this API; null where there is none", examples=["/api/v1/covers/DIGEST"]),
]
DurationMs = Annotated[int, Meta(description="milliseconds", examples=[214000])]
Families = Annotated[
    dict[Literal["aac", "opus", "flac", "flac16"], str],
    Meta(
        description="a multivariant playlist for each codec family that the sound and the person may have; flac16"
        " is there where flac is of more than 16 bits or 48 kHz",
        examples=[{"aac": "/e/TOKEN/DIGEST/RECIPE/main.m3u8"}],
    ),
]
Manifest = Annotated[
    str | None,
    Meta(
        description="the DASH manifest of all of these; null where there is none",
        examples=["/e/TOKEN/DIGEST/RECIPE/main.mpd"],
    ),
]
Year = Annotated[int | None, Meta(examples=[1997])]
Rank = Annotated[
    int,
    told(
        "the highest quality that a person may have: 10, 20 and 30 are the AAC qualities, 15, 25 and 35 those of Opus,"
        " 70 FLAC, 80 FLAC of high resolution, 90 the original file; 99 is everything",
        examples=[HIGHEST_RANK],
        minimum=0,
        maximum=HIGHEST_RANK,
    ),
]


def cover(digest: str | None) -> str | None:
    return basepath.address(f"/api/v1/covers/{digest}") if digest else None


class ArtistRef(Shape):
    id: ArtistId
    name: Annotated[str, Meta(examples=["Björk"])]


class AlbumRef(Shape):
    id: AlbumId
    title: Annotated[str, Meta(examples=["Homogenic"])]


class Artist(Shape):
    """An artist."""

    id: ArtistId
    name: Annotated[str, Meta(examples=["Björk"])]
    album_count: Annotated[int, Meta(description="own albums of which something is there")]
    track_count: Annotated[int, Meta(description="tracks that credit the artist and are there")]
    cover: Annotated[Cover, Meta(description="of the newest album that has one")]


class Album(Shape):
    """An album."""

    id: AlbumId
    title: Annotated[str, Meta(examples=["Homogenic"])]
    artist: Annotated[str, Meta(description="as it is written on the album", examples=["Björk"])]
    artists: list[ArtistRef]
    year: Year
    compilation: Annotated[bool, Meta(description="of various artists", examples=[False])]
    track_count: int
    duration_ms: DurationMs
    cover: Cover
    added_at_ms: AtMs


LoudnessSource = Annotated[
    Literal["measured", "tags"], Meta(description="measured here, or told by the file's tags", examples=["measured"])
]


class Loudness(Shape):
    """How loud a track or an album is, by EBU R128."""

    integrated_lufs: Annotated[float | None, Meta(description="LUFS; null of silence", examples=[-9.4])]
    range_lu: Annotated[float | None, Meta(description="LU; null where it is short, or told by tags", examples=[6.2])]
    true_peak_dbtp: Annotated[float | None, Meta(description="dBTP; null where it is not told", examples=[-0.3])]
    source: LoudnessSource


class Level(Loudness):
    """How loud a track or an album is, and the gain that brings it to the target."""

    gain_db: Annotated[
        float | None,
        Meta(description="dB to apply; no true peak is above -1 dBTP then; null of silence", examples=[-8.6]),
    ]


class Levels(Shape):
    """By how much to turn a track up or down, for players that do it themselves."""

    target_lufs: Annotated[float, Meta(description="what the gains lead to, preamp and all", examples=[-18.0])]
    track: Annotated[Level | None, Meta(description="null until it is measured")]
    album: Annotated[Level | None, Meta(description="null until all tracks of the album are measured")]
    smart: Annotated[
        Literal["track", "album"],
        Meta(
            description="which of both suits the track by itself: `album` in an album of one artist", examples=["album"]
        ),
    ]


class Baked(Shape):
    """What was done to the sound at the addresses: a player applies no gain of its own on top."""

    gain_db: Annotated[float, Meta(description="dB by which it is turned up or down", examples=[-8.6])]
    is_night: Annotated[
        bool, Meta(description="less range, for the night; false while the track is not measured", examples=[False])
    ] = field(name="night")


class Track(Shape):
    """A track."""

    id: TrackId
    title: Annotated[str, Meta(examples=["Jóga"])]
    album: AlbumRef
    artist: Annotated[str, Meta(description="as it is written in the file", examples=["Björk"])]
    artists: list[ArtistRef]
    genres: Annotated[list[str], Meta(examples=[["Electronic"]])]
    disc: int
    track: int
    year: Year
    date: Annotated[str, Meta(description="as precise as the file tells it, or empty", examples=["1997-09-22"])]
    duration_ms: DurationMs
    container: Annotated[str, Meta(examples=["flac"])]
    codec: Annotated[str, Meta(examples=["flac"])]
    rate_hz: Annotated[int, Meta(examples=[44100])]
    channels: Annotated[int, Meta(examples=[2])]
    bit_depth: Annotated[int | None, Meta(description="of lossless sound", examples=[16])]
    bitrate_bps: Annotated[int, Meta(examples=[912000])]
    lossless: Annotated[bool, Meta(examples=[True])]
    size_bytes: Annotated[int, Meta(examples=[24412160])]
    cover: Cover
    missing: Annotated[bool, Meta(description="the file is away for now", examples=[False])]
    added_at_ms: AtMs
    loudness: Annotated[Loudness | None, Meta(description="null until it is measured")]


class Genre(Shape):
    """A genre."""

    id: GenreId
    name: Annotated[str, Meta(examples=["Electronic"])]
    track_count: int


class ArtistWithAlbums(Artist):
    """An artist, with its albums."""

    albums: Annotated[list[Album], Meta(description="the artist's own")]
    appears_on: Annotated[list[Album], Meta(description="albums of others that have tracks of this artist")]


class AlbumWithTracks(Album):
    """An album, with its tracks in their order."""

    tracks: list[Track]
    loudness: Annotated[Loudness | None, Meta(description="of all tracks as one; null until all are measured")]


class Playback(Shape):
    """Signed addresses of one track; they need no header, and end with the session or token that asked."""

    hls: Families
    dash: Manifest
    stream: Annotated[
        dict[Literal["mp3", "opus", "aac", "flac"], str],
        Meta(
            description="the whole track as one stream of known length, for each format that the sound and the person"
            " may have",
            examples=[{"mp3": "/e/TOKEN/DIGEST/RECIPE/stream.mp3", "opus": "/e/TOKEN/DIGEST/RECIPE/stream.opus"}],
        ),
    ]
    direct: Annotated[
        str | None,
        Meta(
            description="the original file; null where it is not allowed", examples=["/e/TOKEN/DIGEST/RECIPE/12.flac"]
        ),
    ]
    offers: Annotated[list[Offer], Meta(description="all of these in the order that suits the player")]
    duration_ms: DurationMs
    levels: Levels
    baked: Annotated[Baked | None, Meta(description="null where neither `level` nor `night` was asked for")]


class User(Shape):
    """A person, as administrators see it."""

    id: UserId
    name: Annotated[str, Meta(examples=["Anna"])]
    is_admin: Annotated[bool, Meta(examples=[False])] = field(name="admin")
    max_rank: Rank
    max_streams: Annotated[
        int | None,
        Meta(description="streams at once; null: what the house gives everybody, 0: no limit", examples=[None]),
    ]
    created_at_ms: AtMs


class Token(Shape):
    """A token, without its secret."""

    id: TokenId
    name: Annotated[str, Meta(examples=["phone"])]
    created_at_ms: AtMs
    seen_at_ms: Annotated[int | None, Meta(description="milliseconds since 1970; null where it was never used")]


class NewToken(Token):
    """A token that was just made."""

    token: Annotated[str, Meta(description="the secret, shown this once", examples=["ms_EXAMPLE"])]


class Session(Shape):
    """A browser that is signed in."""

    id: int
    client: Annotated[str, Meta(description="what the browser calls itself", examples=["Mozilla/5.0"])]
    address: Annotated[str, Meta(examples=["192.168.1.20"])]
    created_at_ms: AtMs
    seen_at_ms: AtMs
    expires_at_ms: AtMs
    current: Annotated[bool, Meta(description="the one that asks", examples=[True])]


def artist(one: browsing.Artist) -> Artist:
    return Artist(one.id, one.name, one.album_count, one.track_count, cover(one.picture))


def album(one: browsing.Album) -> Album:
    return Album(
        id=one.id,
        title=one.title,
        artist=one.artist_credit,
        artists=[ArtistRef(ref.id, ref.name) for ref in one.artists],
        year=one.year,
        compilation=one.is_compilation,
        track_count=one.track_count,
        duration_ms=one.duration_ms,
        cover=cover(one.picture),
        added_at_ms=one.added_at_ms,
    )


def loudness(one: levels.Heard | None) -> Loudness | None:
    """To a hundredth: more is not known."""
    if one is None:
        return None
    return Loudness(_rounded(one.integrated_lufs), _rounded(one.range_lu), _rounded(one.true_peak_dbtp), one.source)


def level(one: levels.Level | None) -> Level | None:
    if one is None:
        return None
    return Level(
        *(_rounded(one.integrated_lufs), _rounded(one.range_lu), _rounded(one.true_peak_dbtp)), one.source, one.gain_db
    )


def levels_of(one: levels.TrackLevels) -> Levels:
    return Levels(one.target_lufs, level(one.track), level(one.album), one.smart)


def _rounded(value: float | None) -> float | None:
    return round(value, 2) if value is not None else None


def track(one: browsing.Track, heard: levels.Heard | None) -> Track:
    return Track(
        id=one.id,
        title=one.title,
        album=AlbumRef(one.album_id, one.album_title),
        artist=one.artist_credit,
        artists=[ArtistRef(ref.id, ref.name) for ref in one.artists],
        genres=list(one.genres),
        disc=one.disc_no,
        track=one.track_no,
        year=one.year,
        date=one.date,
        duration_ms=one.duration_ms,
        container=one.container,
        codec=one.codec,
        rate_hz=one.rate_hz,
        channels=one.channels,
        bit_depth=one.bit_depth,
        bitrate_bps=one.bitrate_bps,
        lossless=one.is_lossless,
        size_bytes=one.size_bytes,
        cover=cover(one.picture),
        missing=one.is_missing,
        added_at_ms=one.added_at_ms,
        loudness=loudness(heard),
    )
