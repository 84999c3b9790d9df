"""Which renditions a sound has, what they are called, and how their segments tile it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mediaserver.core.errors import NotFound
from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import ladder
from mediaserver.streaming.ladder import AAC_RUNGS, Ladder, parse_recipe

HERE = Ladder("libavcodec-1.2.3/some-cpu")


def sound(
    *,
    rate_hz: int = 44_100,
    channels: int = 2,
    bit_depth: int | None = 16,
    length_samples: int = 500_000,
    block: int = 4096,
    codec: str = "flac",
) -> PacketIndex:
    """A FLAC file of equal blocks; for other codecs only the head matters."""
    count = -(-length_samples // block)
    packed = rate_hz << 44 | (channels - 1) << 41 | ((bit_depth or 16) - 1) << 36 | length_samples
    streaminfo = block.to_bytes(2, "big") * 2 + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    sizes = np.full(count, 1000, np.int32)
    return PacketIndex(
        codec,
        codec,
        streaminfo,
        "s16",
        "stereo",
        channels,
        rate_hz,
        bit_depth,
        bit_depth is not None,
        length_samples,
        "",
        np.arange(count, dtype=np.int64) * 1000 + 8192,
        sizes,
        sizes,
        np.arange(count, dtype=np.int64) * block,
    )


@pytest.mark.parametrize(
    ("source_hz", "aac_hz"),
    [
        (44_100, 44_100),
        (48_000, 48_000),
        (88_200, 44_100),
        (176_400, 44_100),
        (352_800, 44_100),
        (96_000, 48_000),
        (192_000, 48_000),
        (64_000, 48_000),
        (32_000, 32_000),
        (22_050, 22_050),
        (8_000, 8_000),
        (22_254, 24_000),
        (7_350, 8_000),
        (47_999, 48_000),
        (1, 8_000),
    ],
)
def test_aac_keeps_the_family_of_the_rate(source_hz: int, aac_hz: int) -> None:
    assert ladder.aac_rate_hz(source_hz) == aac_hz


def test_ranks_grow_with_quality_and_bandwidth() -> None:
    assert [rung.rank for rung in AAC_RUNGS] == [10, 20, 30]
    assert [rung.quality for rung in AAC_RUNGS] == [59, 148, 350]
    for values in ([r.bandwidth_bps for r in AAC_RUNGS], [r.average_bps for r in AAC_RUNGS]):
        assert values == sorted(values)
    assert all(rung.average_bps < rung.bandwidth_bps for rung in AAC_RUNGS)


@pytest.mark.parametrize(
    ("rate_hz", "bit_depth", "rank"),
    [(44_100, 16, 70), (48_000, 16, 70), (48_000, 24, 80), (96_000, 16, 80), (44_100, 8, 70), (192_000, 24, 80)],
)
def test_hi_res_flac_ranks_above_cd_quality(rate_hz: int, bit_depth: int, rank: int) -> None:
    (rung,) = HERE.rungs(sound(rate_hz=rate_hz, bit_depth=bit_depth), "flac")
    assert rung.rank == rank


@pytest.mark.parametrize(
    "index",
    [sound(bit_depth=None), sound(rate_hz=384_000), sound(channels=9), sound(rate_hz=70_001)],
    ids=["lossy", "above 192 kHz", "nine channels", "a rate that no frame can name"],
)
def test_flac_is_not_offered_where_it_cannot_be_made(index: PacketIndex) -> None:
    assert HERE.rungs(index, "flac") == ()
    with pytest.raises(NotFound):
        ladder.flac_rendition(index)


@pytest.mark.parametrize("family", ["opus", "", "AAC", "original", "cover"])
def test_an_unknown_family_has_no_rungs(family: str) -> None:
    assert HERE.rungs(sound(), family) == ()


def test_mono_stays_mono_and_more_than_two_channels_become_stereo() -> None:
    assert [ladder.aac_rendition(sound(channels=n), AAC_RUNGS[0]).channels for n in (1, 2, 3, 6, 8)] == [1, 2, 2, 2, 2]


def test_a_recipe_names_everything_that_decides_the_bytes() -> None:
    recipes = [HERE.recipe(rung) for rung in AAC_RUNGS]
    assert len({recipe.hash for recipe in recipes}) == 3
    others = [Ladder("libavcodec-1.2.4/some-cpu"), Ladder("libavcodec-1.2.3/other-cpu")]
    for other in others:
        assert not {other.recipe(rung).hash for rung in AAC_RUNGS} & {recipe.hash for recipe in recipes}
        with pytest.raises(NotFound):
            other.rendition(sound(), recipes[0])
    for recipe in recipes:
        assert parse_recipe(str(recipe)) == recipe
        assert HERE.rendition(sound(), recipe).rung.rank == recipe.rank
        assert HERE.current_hash(recipe) == recipe.hash


def test_a_rung_of_another_rank_is_not_found_with_this_hash() -> None:
    recipe = HERE.recipe(AAC_RUNGS[2])
    with pytest.raises(NotFound):
        HERE.rendition(sound(), replace(recipe, rank=10))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "aac",
        "aac.20",
        "aac.2.abc",
        "aac.200.abc",
        "aac.20.ABC",
        "aac.20.abc.d",
        "aac.20.abc/..",
        "../20.abc",
        "aac.20." + "a" * 33,
        "aac.20.",
        "aac.٢٠.abc",
        "aac.20.abc\n",
        "aac.-1.abc",
        "a" * 13 + ".20.abc",
    ],
)
def test_what_is_no_recipe_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        parse_recipe(text)


@pytest.mark.parametrize("length_samples", [1, 1023, 1024, 171 * 1024, 171 * 1024 + 1, 1_000_000, 44_100 * 3600])
@pytest.mark.parametrize("family", ["aac", "flac"])
def test_segments_tile_the_sound_without_gap_or_overlap(family: str, length_samples: int) -> None:
    index = sound(length_samples=length_samples)
    for rung in HERE.rungs(index, family):
        rendition = HERE.rendition(index, HERE.recipe(rung))
        numbers = [rendition.segment_packets(n) for n in range(rendition.segment_count)]
        assert [packet for packets in numbers for packet in packets] == list(range(rendition.packet_count))
        assert sum(rendition.segment_samples(n) for n in range(rendition.segment_count)) == length_samples
        assert all(rendition.segment_samples(n) > 0 for n in range(rendition.segment_count))
        for n in (-1, rendition.segment_count):
            with pytest.raises(NotFound):
                rendition.segment_packets(n)


def test_the_first_aac_segment_has_one_frame_less_of_sound() -> None:
    rendition = ladder.aac_rendition(sound(), AAC_RUNGS[0])
    assert rendition.packets_per_segment == 172
    assert rendition.segment_samples(0) == 171 * 1024
    assert rendition.segment_samples(1) == 172 * 1024
    assert ladder.aac_rendition(sound(rate_hz=48_000), AAC_RUNGS[0]).packets_per_segment == 188


def test_frames_of_one_size_pass_through_and_others_do_not() -> None:
    regular = sound()
    assert ladder.flac_rendition(regular).is_passthrough
    starts = regular.starts.copy()
    starts[40] += 1
    sizes = regular.sizes.copy()
    sizes[5] -= 1
    streaminfo = bytearray(regular.extradata)
    streaminfo[3] ^= 1
    irregular = [
        replace(regular, starts=starts),
        replace(regular, firsts=sizes),
        replace(regular, extradata=bytes(streaminfo)),
        replace(regular, extradata=b""),
        replace(regular, length_samples=regular.length_samples + 4096),
        replace(regular, bit_depth=20),
        replace(regular, decoder="alac"),
        replace(regular, extradata=bytes(34)),
    ]
    for index in irregular:
        rendition = ladder.flac_rendition(index)
        assert not rendition.is_passthrough
        assert rendition.packet_samples == 4096


@pytest.mark.parametrize("block", [16, 192, 1152, 4608, 65_535])
def test_segments_of_passed_frames_stay_near_four_seconds(block: int) -> None:
    rendition = ladder.flac_rendition(sound(block=block, length_samples=2_000_000))
    longest_s = rendition.packets_per_segment * block / 44_100
    assert rendition.is_passthrough
    assert 3.2 < longest_s < 4.8
