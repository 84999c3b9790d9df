"""A file is recognised after a retag; another sound never passes for it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import av
import mutagen
import pytest
from mutagen.id3 import TIT2

from mediaserver.core.errors import Damaged
from mediaserver.media import tags
from mediaserver.media.digest import identity
from mediaserver.media.wholeness import share_left
from tests import audio


def identity_of(path: Path) -> str:
    with path.open("rb") as file:
        return identity(file, tags.read(file))


def is_cut_at(path: Path) -> bool:
    with path.open("rb") as file:
        return share_left(file, tags.read(file)) is not None


def retag(path: Path, title: str) -> None:
    if path.suffix in (".mka", ".mkv", ".webm"):  # which mutagen does not write
        remux(path, {"title": title})
        return
    file: Any = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    kind = type(file.tags).__name__
    if "ID3" in kind:
        file.tags.add(TIT2(text=title))
    elif kind == "MP4Tags":
        file["\xa9nam"] = title
    else:
        file["Title"] = title
    file.save()


def remux(path: Path, metadata: dict[str, str]) -> None:
    """The same packets under other tags."""
    other = path.with_name("remuxed")
    with av.open(str(path)) as source, av.open(str(other), "w", format="matroska") as sink:
        sink.metadata.update(metadata)
        stream = sink.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                sink.mux(packet)
    other.replace(path)


@pytest.mark.parametrize("kind", sorted(audio.FORMATS))
def test_a_retag_changes_no_identity_and_another_sound_has_another(kind: str, tmp_path: Path) -> None:
    path = audio.write(tmp_path / f"x.{kind}", seconds=9)
    if path.suffix in (".mka", ".mkv", ".webm"):
        remux(path, {})  # a muxer rounds times in its own way
    before = identity_of(path)
    if kind != "aac":  # ADTS has no tags
        retag(path, "short")
        assert identity_of(path) == before
        retag(path, "long " * 3000)
        assert identity_of(path) == before
    moved = shutil.copy(path, tmp_path / f"moved.{kind}")
    assert identity_of(Path(moved)) == before
    other = audio.write(tmp_path / f"y.{kind}", seconds=9, seed=2)
    assert identity_of(other) != before


@pytest.mark.parametrize("kind", ["flac", "ogg", "opus", "wav", "m4a", "flac.mka", "opus.webm"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.85])
def test_a_cut_is_noticed_and_a_whole_file_is_not_suspected(kind: str, share: float, tmp_path: Path) -> None:
    path = audio.write(
        tmp_path / f"x.{kind}", seconds=12, options={"movflags": "+faststart"} if kind == "m4a" else None
    )
    assert not is_cut_at(path)
    body = path.read_bytes()
    path.write_bytes(body[: int(len(body) * share)])
    assert is_cut_at(path)


@pytest.mark.parametrize("kind", sorted(audio.FORMATS))
def test_damaged_bytes_are_refused_in_words_or_taken(kind: str, tmp_path: Path) -> None:
    """A few hundred damaged copies: reading ends in facts or in Damaged, never in anything else."""
    body = audio.write(tmp_path / f"x.{kind}", seconds=1).read_bytes()
    chance = random.Random(kind)
    path = tmp_path / f"bad.{kind}"
    for _ in range(60):
        bad = bytearray(body)
        for _ in range(chance.choice((1, 4, 30))):
            at = chance.randrange(min(len(bad), chance.choice((64, 600, 10**9))))
            bad[at : at + chance.choice((1, 2, 8))] = chance.randbytes(chance.choice((0, 1, 2, 8)))
        path.write_bytes(bad[: chance.choice((len(bad), chance.randrange(1, len(bad))))])
        with path.open("rb") as file:
            try:
                raw = tags.read(file)
            except Damaged:
                continue
            assert len(identity(file, raw)) == 22
            assert 0 <= (share_left(file, raw) or 0.0) <= 1
