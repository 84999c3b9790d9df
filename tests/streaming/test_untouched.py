"""What the packets of a source take of a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaserver.media import cutting
from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import index_file
from mediaserver.streaming import cmaf, constant, ladder, offers, untouched
from mediaserver.streaming.ladder import UNTOUCHED
from tests import audio
from tests.streaming.test_ladder import HERE, lossy


@pytest.mark.parametrize("seconds", [1, 4, 7, 240])
def test_the_rates_of_own_packets_are_those_of_the_segments_as_the_playlist_has_them(seconds: int) -> None:
    index = lossy("aac", 128_000, seconds=seconds)
    own = HERE.rendition_of(index, ladder.rungs(index, "aac")[-1])
    lasting = [own.segment_samples(n) for n in range(own.segment_count)]
    packet_bytes = int(index.sizes[0]) + cmaf.ROW_BYTES
    sizes = [len(own.segment_packets(n)) * packet_bytes for n in range(own.segment_count)]
    whole_bytes = sum(sizes) + len(sizes) * cmaf.overhead_bytes(has_roll=True)
    assert 0 < own.rung.average_bps - 8 * whole_bytes * own.rate_hz / sum(lasting) <= 1000, "rounded up"


@pytest.mark.parametrize("kind", ["flac", "m4a", "opus", "mp3"])
def test_no_packet_of_what_is_cut_out_of_a_file_is_passed_untouched(kind: str, tmp_path: Path) -> None:
    """Not even on its grid: headers and checksums tell of the whole, and a decoder has not heard what was before."""
    index, _ = index_file(str(audio.write(tmp_path / f"x.{kind}", seconds=3)))

    def is_own(one: PacketIndex) -> bool:
        families = ("aac", "opus", *constant.RUNGS)
        lossy = any(rung.quality == UNTOUCHED for family in families for rung in offers.rungs(one, family))
        return lossy or untouched.flac_block(one) > 0

    assert is_own(index)
    first, second = (int(index.starts[n]) for n in (8, 20))
    for start, stop in ((0, first), (first, second), (first, index.length_samples), (first + 77, second + 5)):
        assert not is_own(cutting.cut(index, start, stop))
