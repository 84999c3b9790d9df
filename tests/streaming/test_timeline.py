"""Many sounds as one, in numbers: whose samples are where, and what stands behind a digest."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from mediaserver.core.errors import Damaged
from mediaserver.streaming import ladder, timeline
from mediaserver.streaming.ladder import FAMILIES, Ladder
from mediaserver.streaming.timeline import Part, joined

HERE = Ladder("libavcodec-1.2.3/some-cpu")
CD = Part("A" * 22, 441_000, 44_100, 2, "stereo", 16, 1_000_000)


def part(**changes: Any) -> Part:
    return replace(CD, **changes)


MONO, HIRES, LOSSY = part(channels=1, layout="mono"), part(rate_hz=96_000, bit_depth=24), part(bit_depth=0)
SURROUND = part(channels=6, layout="5.1")


@pytest.mark.parametrize(
    ("parts", "is_made"),
    [
        ([CD, CD], (44_100, 2, "stereo", 16, True)),
        ([MONO, MONO], (44_100, 1, "mono", 16, True)),
        ([MONO, CD], (44_100, 2, "stereo", 16, True)),
        ([SURROUND, SURROUND], (44_100, 6, "5.1", 16, True)),
        ([SURROUND, CD], (44_100, 2, "stereo", 16, True)),
        ([SURROUND, MONO], (44_100, 2, "stereo", 16, True)),
        ([CD, CD, HIRES], (44_100, 2, "stereo", 24, True)),
        ([CD, part(rate_hz=48_000, length_samples=480_000)], (48_000, 2, "stereo", 16, True)),
        ([CD, LOSSY], (44_100, 2, "stereo", None, False)),
    ],
)
def test_it_is_as_most_of_its_parts_are(parts: list[Part], is_made: tuple[Any, ...]) -> None:
    index = joined(parts).index
    assert (index.rate_hz, index.channels, index.layout, index.bit_depth, index.is_lossless) == is_made


def test_tracks_lie_one_behind_the_other_to_the_sample() -> None:
    odd = [part(length_samples=n) for n in (100, 1, 99_999, 44_100)]
    assert joined(odd).spans() == [range(100), range(100, 101), range(101, 100_100), range(100_100, 144_200)]
    mixed = [CD, part(rate_hz=48_000, length_samples=1001), part(rate_hz=48_000, length_samples=7), CD]
    line = joined(mixed)
    spans = line.spans()
    assert [len(run.lengths) for run in line.runs] == [1, 2, 1]
    assert all(one.stop == other.start for one, other in pairwise(spans))
    assert len(spans[1]) + len(spans[2]) == -(-1008 * 44_100 // 48_000)
    assert spans[-1].stop == line.length_samples


@pytest.mark.parametrize("crossfade_ms", [1, 1000, 12_000])
def test_a_crossfade_lays_ends_over_beginnings_but_no_more_than_half_of_a_track(crossfade_ms: int) -> None:
    parts = [CD, part(length_samples=1000), CD, part(rate_hz=48_000)]
    line = joined(parts, crossfade_ms)
    wanted = crossfade_ms * 44_100 // 1000
    fades = [min(wanted, 500), min(wanted, 500), min(wanted, 202_584, 220_500)]
    assert [one.stop - other.start for one, other in pairwise(line.spans())] == fades
    assert [run.fade_out for run in line.runs] == [*fades, 0]
    assert [run.fade_in for run in line.runs] == [0, *fades]
    assert line.length_samples == 441_000 + 1000 + 441_000 + 405_169 - sum(fades)


def test_its_digest_stands_for_the_list_and_the_crossfade() -> None:
    other = part(digest="B" * 22)
    lines = [joined([CD, other]), joined([other, CD]), joined([CD, other], 1000), joined([CD])]
    assert len({line.digest for line in lines}) == 4
    for line in lines:
        again = timeline.unpacked(line.packed())
        assert (again.digest, again.parts, again.runs) == (line.digest, line.parts, line.runs)
        assert len(line.digest) == 22


@pytest.mark.parametrize("packed", [b"", b"[]", b"[1,0,[]]", b"[9,0,[]]", b'[1,0,[["A"]]]', b"\xff", b"7"])
def test_what_it_did_not_write_is_damaged(packed: bytes) -> None:
    with pytest.raises(Damaged):
        timeline.unpacked(packed)


def test_it_is_encoded_in_every_family_and_never_passed_through() -> None:
    line = joined([CD, replace(HIRES, length_samples=2_000_000)])
    rungs = [rung for family in FAMILIES for rung in ladder.rungs(line.index, family)]
    assert [rung.family for rung in rungs] == [*["aac"] * 3, *["opus"] * 3, "flac", "flac16"]
    assert not any(HERE.rendition_of(line.index, rung).is_passthrough for rung in rungs)
    lossy = joined([replace(LOSSY, size_bytes=160_000)] * 300).index  # 128 kb/s
    assert [rung.rank for family in FAMILIES for rung in ladder.rungs(lossy, family)] == [10, 20, 15, 25]
    assert ladder.rungs(joined([replace(LOSSY, size_bytes=2**33)]).index, "aac") == ladder.AAC_RUNGS


def test_a_segment_needs_the_parts_around_it_and_no_others() -> None:
    line = joined([part(length_samples=44_100 * 10)] * 50)
    flac = ladder.flac_rendition(line.index)
    assert line.needed(flac, 0) == [0]
    assert line.needed(flac, 2) == [0, 1]
    aac = ladder.lossy_rendition(line.index, ladder.AAC_RUNGS[0])
    for n in range(aac.segment_count):
        at_s = n * aac.packets_per_segment * 1024 / 44_100
        needed = line.needed(aac, n)
        assert {int(at_s // 10), min(49, int((at_s + 3) // 10))} <= set(needed)
        assert len(needed) <= 2
