"""A cut of a sound has the samples of the whole, whatever the format, wherever it begins and ends."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mediaserver.core.errors import Damaged
from mediaserver.media import cuts, cutting
from mediaserver.media.cuts import Cut
from mediaserver.media.decode import read_range
from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import index_file
from tests import audio, rarefiles

FORMATS = ("flac", "wav", "mp3", "m4a", "aac", "opus", "ogg", "wv", "tta", "wma")
"""TTA and WMA are read by side files, as Monkey's Audio and Musepack are."""
TOLERANCE = {"opus": 1e-4}
"""Of what is taken for the same: 50 packets settle an Opus decoder to 1e-5."""
SECONDS = 3.1


@pytest.mark.parametrize("kind", FORMATS)
def test_every_cut_is_the_same_part_of_the_whole(kind: str, tmp_path: Path) -> None:
    path = audio.write(tmp_path / f"x.{kind}", seconds=SECONDS)
    index, _ = index_file(str(path), side_dir=str(tmp_path / "sides"))
    source = str(tmp_path / "sides" / index.side) if index.side else str(path)
    length, chance = index.length_samples, random.Random(7)
    whole = read_range(source, index, 0, length)
    edges = sorted({0, length, 1, length - 1, 44_100, 48_000, *(chance.randrange(1, length) for _ in range(8))})
    worst = 0.0
    for start, stop in pairwise(edges):
        part = PacketIndex.unpacked(cutting.cut(index, start, stop).packed())
        assert part.length_samples == stop - start and part.is_cut
        asked = [
            (0, stop - start),
            *(sorted(chance.sample(range(stop - start + 1), 2)) for _ in range(3 * (stop > start + 1))),
        ]
        for first, last in asked:
            heard = read_range(source, part, first, last).astype(float)
            worst = max(worst, float(np.abs(heard - whole[:, start + first : start + last]).max(initial=0.0)))
    assert worst <= TOLERANCE.get(kind, 0.0)


@pytest.mark.parametrize("kind", ["ape", "mpc"])
def test_cuts_of_what_is_read_by_side_files_alone_are_parts_of_those(kind: str, tmp_path: Path) -> None:
    """Of Monkey's Audio there is silence alone."""
    if kind == "mpc" and not rarefiles.HAS_MUSEPACK:
        pytest.skip("left out: mpcenc of musepack-tools is not installed")
    path = getattr(rarefiles, kind)(tmp_path / f"x.{kind}", seconds=2)
    index, _ = index_file(str(path), side_dir=str(tmp_path / "sides"))
    index = replace(index, file_bytes=path.stat().st_size)
    source, length = str(tmp_path / "sides" / index.side), index.length_samples
    whole, edges = read_range(source, index, 0, length), [0, 588, 44_101, length]
    parts = [cutting.cut(index, start, stop) for start, stop in pairwise(edges)]
    assert np.array_equal(np.concatenate([read_range(source, one, 0, one.length_samples) for one in parts], 1), whole)
    assert path.stat().st_size - 3 <= sum(one.source_bytes for one in parts) <= path.stat().st_size


@pytest.mark.parametrize("kind", ["m4a", "mp3"])
def test_a_cut_far_within_is_made_of_its_own_packets_and_a_few_before_them(kind: str, tmp_path: Path) -> None:
    """AAC of noise, too: what a decoder invents depends on where it began, which is at the same packets as ever."""
    wave = np.random.default_rng(2).standard_normal((2, 9 * 44_100)) * 0.1
    path = str(audio.write(tmp_path / f"x.{kind}", wave=wave))
    index, _ = index_file(path)
    start, stop = 6 * 44_100 + 77, 7 * 44_100 + 5
    part = cutting.cut(index, start, stop)
    assert len(part.sizes) < len(index.sizes) / 3
    assert np.array_equal(read_range(path, part, 0, stop - start), read_range(path, index, start, stop))
    assert part.source_bytes == pytest.approx(index.source_bytes / 9, rel=0.1)


def test_cuts_of_cuts_and_the_whole_are_what_they_say(tmp_path: Path) -> None:
    path = str(audio.write(tmp_path / "x.flac", seconds=SECONDS))
    index, _ = index_file(path)
    whole = read_range(path, index, 0, index.length_samples)
    assert cutting.cut(index, 0, index.length_samples) is index
    twice = cutting.cut(cutting.cut(index, 10_000, 60_000), 5_000, 20_000)
    assert np.array_equal(read_range(path, twice, 0, 15_000), whole[:, 15_000:30_000])
    for start, stop in ((-1, 5), (5, 5), (6, 5), (0, index.length_samples + 1)):
        with pytest.raises(ValueError, match="outside"):
            cutting.cut(index, start, stop)


def test_a_cut_is_told_at_the_rate_of_the_sheet_and_made_at_that_of_the_decoder(tmp_path: Path) -> None:
    index, digest = index_file(str(audio.write(tmp_path / "x.wav", seconds=2, rate_hz=48_000)))
    assert cutting.of(index, Cut(44_100, None, 44_100)).length_samples == index.length_samples - 48_000
    assert cutting.of(index, Cut(22_050, 10**9, 44_100)).length_samples == index.length_samples - 24_000
    for beyond in (Cut(2 * 44_100, None, 44_100), Cut(10**12, None, 1), Cut(500, 500, 44_100)):
        with pytest.raises(Damaged, match="beyond the end"):
            cutting.of(index, beyond)
    names = {cutting.digest(digest, one) for one in (Cut(0, 5, 75), Cut(0, None, 75), Cut(5, None, 75), Cut(0, 5, 150))}
    assert len(names | {digest}) == 5 and all(len(one) == 22 for one in names)


def test_a_place_names_a_file_and_what_is_cut_out_of_it() -> None:
    path = cuts.track_path("Band/Album (1999)/album.flac", 3)
    assert path == "Band/Album (1999)/album.flac/03"
    for cut in (Cut(0, 588, 44_100), Cut(588, None, 44_100)):
        place = cuts.place(path, cut)
        file, piece = cuts.split(place)
        assert (file, cuts.number_in(piece), cuts.cut_in(piece)) == ("Band/Album (1999)/album.flac", "03", cut)
        assert cuts.file_of(place) == cuts.file_of(path) == file
    assert cuts.place("a/b.flac", None) == "a/b.flac"
    assert cuts.cut_in("03") is None


@pytest.mark.parametrize(
    "path", ["a/b.flac", "a.b/03.flac", "Vol. 2/1999/x.mp3", "03", "a/03", "x.flac/1", "x/03@0-5@44100"]
)
def test_a_path_that_may_be_a_files_own_is_a_files_own(path: str) -> None:
    assert cuts.split(path) == (path, "")
