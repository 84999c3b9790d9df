"""What the packets of a source take of a line."""

from __future__ import annotations

import pytest

from mediaserver.streaming import cmaf, ladder
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
