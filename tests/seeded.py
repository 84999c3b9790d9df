"""A small library of real music files, with the tags, covers and oddities that the tests ask for."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import mutagen
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, TALB, TCON, TDRC, TIT2, TPE1, TPE2, TPOS, TRCK
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4, MP4Cover
from PIL import Image

from tests import audio


@dataclass(frozen=True, slots=True)
class Tagged:
    path: str
    title: str
    artist: str
    album: str
    album_artist: str = ""
    genre: str = ""
    date: str = ""
    track: int = 0
    disc: int = 1
    has_cover: bool = False


TRACKS = (
    *(
        Tagged(
            f"Björk/Homogenic/{n:02d} {title}.flac", title, "Björk", "Homogenic", "Björk", "Electronic", "1997-09-22", n
        )
        for n, title in enumerate(("Hunter", "Jóga", "Unravel"), 1)
    ),
    *(
        Tagged(
            f"The Quiet/Long Way/CD {disc}/{n} {title}.mp3",
            title,
            "The Quiet",
            "Long Way",
            "The Quiet",
            "Rock",
            "2004",
            n,
            disc,
            True,
        )
        for disc, n, title in ((1, 1, "Setting Out"), (1, 2, "Halfway"), (2, 1, "Coming Home"))
    ),
    *(
        Tagged(f"夜の海/星/{n} {title}.m4a", title, "夜の海", "星", "夜の海", "Jazz", "2011", n, 1, True)
        for n, title in enumerate(("月光", "Dawn"), 1)
    ),
    Tagged("Mixed/Summer/1.opus", "One", "Anna", "Summer", genre="Pop", date="2020", track=1),
    Tagged("Mixed/Summer/2.opus", "Two", "Ben", "Summer", genre="Pop", date="2020", track=2),
)


def cover(red: int) -> bytes:
    picture = Image.new("RGB", (640, 640), (red, 90, 160))
    out = io.BytesIO()
    picture.save(out, "JPEG")
    return out.getvalue()


def tag(path: Path, one: Tagged) -> None:
    """Write the tags as each format has them."""
    if path.suffix == ".mp3":
        mp3 = MP3(path)
        if mp3.tags is None:
            mp3.add_tags()
        frames = [TIT2(text=one.title), TPE1(text=one.artist), TALB(text=one.album), TPE2(text=one.album_artist)]
        frames += [TCON(text=one.genre), TDRC(text=one.date), TRCK(text=str(one.track)), TPOS(text=str(one.disc))]
        if one.has_cover:
            frames.append(APIC(mime="image/jpeg", type=3, data=cover(200)))
        for frame in frames:
            mp3.tags.add(frame)
        mp3.save()
    elif path.suffix == ".m4a":
        mp4 = MP4(path)
        mp4["\xa9nam"], mp4["\xa9ART"], mp4["\xa9alb"], mp4["aART"] = one.title, one.artist, one.album, one.album_artist
        mp4["\xa9gen"], mp4["\xa9day"], mp4["trkn"], mp4["disk"] = (
            one.genre,
            one.date,
            [(one.track, 0)],
            [(one.disc, 0)],
        )
        if one.has_cover:
            mp4["covr"] = [MP4Cover(cover(20))]
        mp4.save()
    else:
        file = mutagen.File(path)
        file["title"], file["artist"], file["album"] = one.title, one.artist, one.album
        if one.album_artist:
            file["albumartist"] = one.album_artist
        file["genre"], file["date"] = one.genre, one.date
        file["tracknumber"], file["discnumber"] = str(one.track), str(one.disc)
        if isinstance(file, FLAC) and one.has_cover:
            picture = Picture()
            picture.type, picture.mime, picture.data = 3, "image/jpeg", cover(120)
            file.add_picture(picture)
        file.save()


def make(root: Path, *, seconds: float = 2.0) -> Path:
    """The whole library under `root`; Homogenic has its cover beside the files."""
    for seed, one in enumerate(TRACKS):
        path = root / one.path
        path.parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, path.suffix[1:], seconds=seconds, seed=seed)
        tag(path, one)
    (root / "Björk/Homogenic/cover.jpg").write_bytes(cover(250))
    return root
