"""Every byte of a stream has its place before any is made: pure arithmetic, for tracks of every length."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from mediaserver.core.errors import Damaged
from mediaserver.streaming import constant, fragments, ladder, layout, mp3, oggopus
from mediaserver.streaming.constant import MP3_RUNGS, OGG_OPUS_RUNGS
from mediaserver.streaming.ladder import AAC_RUNGS
from mediaserver.streaming.layout import Layout, Listed
from tests.streaming.test_ladder import sound

HOURS_12 = 12 * 3600 * 44_100


def layouts(length_samples: int, *, channels: int = 2, rate_hz: int = 44_100, start_s: int = 0) -> list[Layout]:
    index = sound(length_samples=length_samples, channels=channels, rate_hz=rate_hz)
    made: list[Layout] = []
    for rung in MP3_RUNGS:
        rendition = constant.rendition(index, rung)
        made.append(mp3.Encoded(rendition, start_s * rendition.rate_hz))
    for rung in OGG_OPUS_RUNGS:
        rendition = constant.rendition(index, rung)
        made.append(oggopus.Encoded(rendition, rate_hz, start_s * 48_000))
    if not start_s:
        made += [fragments.Filled(index, ladder.lossy_rendition(index, rung)) for rung in AAC_RUNGS]
        made.append(Listed(b"head", [10, 11, 500]))
    return made


@pytest.mark.parametrize("start_s", [0, 7, 59])
@pytest.mark.parametrize("length_samples", [1, 441, 4410, 44_100 * 61, 44_100 * 61 + 1, HOURS_12])
@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 8000), (2, 44_100), (2, 48_000), (6, 96_000)])
def test_parts_tile_every_range(length_samples: int, channels: int, rate_hz: int, start_s: int) -> None:
    if start_s * rate_hz >= length_samples:
        return
    chance = random.Random(length_samples)
    for one in layouts(length_samples, channels=channels, rate_hz=rate_hz, start_s=start_s):
        size = layout.size_bytes(one)
        starts = [one.start(n) for n in one.chunks] + [size]
        assert starts[0] == len(one.head)
        assert all(a < b for a, b in pairwise(starts))
        places = dict(zip(one.chunks, starts, strict=False))
        for _ in range(20):
            begin = chance.randrange(size)
            span = range(begin, min(size, begin + 1 + chance.randrange(1_000_000)))
            at = span.start
            for n, part in layout.parts(one, span):
                assert part.start + (places[n] if n is not None else 0) == at
                assert part
                at += len(part)
            assert at == span.stop


def test_a_chunk_of_another_length_never_leaves() -> None:
    one = Listed(b"head", [10, 20])
    assert layout.cut(one, 0, b"0123456789", range(2, 4)) == b"23"
    for wrong in (b"012345678", b"0123456789a"):
        with pytest.raises(Damaged):
            layout.cut(one, 0, wrong, range(2, 4))


def test_frames_of_mp3_follow_lames_pattern_of_padding() -> None:
    assert [mp3.offset(n, 44_100, 128_000) for n in range(5)] == [0, 417, 835, 1253, 1671]
    for bps in (64_000, 96_000, 128_000, 160_000, 192_000, 320_000):
        period = mp3.offset(49, 44_100, bps)
        for n in (1, 48, 49, 50, 97, 98, 294, 1_000_003):
            assert mp3.offset(n + 49, 44_100, bps) == mp3.offset(n, 44_100, bps) + period
        assert mp3.offset(7, 48_000, bps) == 7 * 144 * bps // 48_000


@pytest.mark.parametrize(("rate_hz", "made_hz"), [(8000, 32_000), (11_025, 44_100), (12_000, 48_000), (16_000, 32_000)])
def test_low_rates_become_one_of_the_three_that_mp3_has(rate_hz: int, made_hz: int) -> None:
    assert constant.mp3_rate_hz(rate_hz) == made_hz


@pytest.mark.parametrize(
    ("rate_hz", "made_hz"),
    [(22_050, 44_100), (24_000, 48_000), (32_000, 32_000), (88_200, 44_100), (176_400, 44_100), (37_800, 48_000)],
)
def test_higher_ones_too(rate_hz: int, made_hz: int) -> None:
    assert constant.mp3_rate_hz(rate_hz) == made_hz


def test_the_places_of_twelve_hours_are_told_at_once() -> None:
    """The head of AAC grows by 12 bytes for 4 s, the others not at all."""
    for one in layouts(HOURS_12):
        assert len(one.head) < 140_000
        n = one.chunks[-1]
        assert list(layout.parts(one, range(one.start(n), one.start(n) + 1))) == [(n, range(1))]
