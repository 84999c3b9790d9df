"""Which renditions a sound has, what they are called, and how their segments tile it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mediaserver.core.errors import NotFound
from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import ladder, untouched
from mediaserver.streaming.ladder import AAC_RUNGS, OPUS_RUNGS, Ladder, parse_recipe

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
    assert [rung.rank for rung in OPUS_RUNGS] == [15, 25, 35]
    assert [rung.quality for rung in OPUS_RUNGS] == [48_000, 96_000, 160_000]
    for rungs in (AAC_RUNGS, OPUS_RUNGS):
        for values in ([r.bandwidth_bps for r in rungs], [r.average_bps for r in rungs]):
            assert values == sorted(values)
        assert all(rung.average_bps <= rung.bandwidth_bps for rung in rungs)


@pytest.mark.parametrize(
    ("rate_hz", "bit_depth", "rank"),
    [(44_100, 16, 70), (48_000, 16, 70), (48_000, 24, 80), (96_000, 16, 80), (44_100, 8, 70), (192_000, 24, 80)],
)
def test_hi_res_flac_ranks_above_cd_quality(rate_hz: int, bit_depth: int, rank: int) -> None:
    (rung,) = ladder.rungs(sound(rate_hz=rate_hz, bit_depth=bit_depth), "flac")
    assert rung.rank == rank


@pytest.mark.parametrize(
    ("rate_hz", "bit_depth", "made_hz"),
    [
        (44_100, 16, None),
        (48_000, 16, None),
        (22_050, 8, None),
        (44_100, 24, 44_100),
        (48_000, 20, 48_000),
        (88_200, 24, 44_100),
        (96_000, 16, 48_000),
        (176_400, 24, 44_100),
        (192_000, 24, 48_000),
        (384_000, 24, 48_000),
        (70_001, 16, 48_000),
        (44_100, None, None),
    ],
)
def test_flac_of_16_bits_is_there_where_the_other_is_more(rate_hz: int, bit_depth: int, made_hz: int | None) -> None:
    index = sound(rate_hz=rate_hz, bit_depth=bit_depth, codec="alac")
    rungs = ladder.rungs(index, "flac16")
    assert [rung.rank for rung in rungs] == ([70] if made_hz else [])
    if made_hz is None:
        with pytest.raises(NotFound):
            ladder.flac16_rendition(index)
        return
    rendition = HERE.rendition_of(index, rungs[0])
    assert (rendition.rate_hz, rendition.bit_depth, rendition.is_passthrough) == (made_hz, 16, False)
    assert rendition.rung.bandwidth_bps >= made_hz * 2 * 16


def lossy(codec: str, bps: int, *, seconds: int = 60, **changes: Any) -> PacketIndex:
    """A sound of packets of one size, on the grid of its family."""
    rate_hz, packet, start, extradata = {
        "aac": (44_100, 1024, -1024, bytes.fromhex("1210")),
        "opus": (48_000, 960, -312, b"OpusHead\x01\x02\x38\x01" + (48_000).to_bytes(4, "little") + bytes(3)),
        "mp3": (44_100, 1152, -1105, b""),
    }[codec]
    length = seconds * rate_hz
    count = -(-(length - start) // packet)
    sizes = np.full(count, bps * packet // rate_hz // 8, np.int32)
    fields: dict[str, Any] = {
        "extradata": extradata,
        "bit_depth": None,
        "is_lossless": False,
        "sizes": sizes,
        "firsts": sizes,
        "positions": np.cumsum(sizes, dtype=np.int64),
        "starts": np.arange(count, dtype=np.int64) * packet + start,
    }
    return replace(sound(rate_hz=rate_hz, codec=codec, length_samples=length), **{**fields, **changes})


@pytest.mark.parametrize(
    ("bps", "aac", "opus"),
    [
        (320_000, [10, 20, 30], [15, 25, 35]),
        (256_000, [10, 20, 30], [15, 25, 35]),
        (192_000, [10, 20], [15, 25, 35]),
        (128_000, [10, 20], [15, 25]),
        (64_000, [10], [15]),
        (32_000, [10], [15]),
    ],
)
def test_a_lossy_sound_is_not_encoded_up(bps: int, aac: list[int], opus: list[int]) -> None:
    assert [rung.rank for rung in ladder.rungs(lossy("mp3", bps), "aac")] == aac
    assert [rung.rank for rung in ladder.rungs(lossy("mp3", bps), "opus")] == opus


@pytest.mark.parametrize(
    ("codec", "bps", "ranks"),
    [
        ("aac", 400_000, [10, 20, 30, 38]),
        ("aac", 256_000, [10, 20, 28]),
        ("aac", 128_000, [10, 18]),
        ("aac", 64_000, [8]),
        ("opus", 510_000, [15, 25, 35, 43]),
        ("opus", 128_000, [15, 23]),
        ("opus", 48_000, [13]),
    ],
)
def test_the_sources_own_packets_are_the_top_of_their_family(codec: str, bps: int, ranks: list[int]) -> None:
    """And what is encoded beside them takes less."""
    rungs = ladder.rungs(lossy(codec, bps), codec)
    assert [rung.rank for rung in rungs] == ranks
    for values in ([rung.bandwidth_bps for rung in rungs], [rung.average_bps for rung in rungs]):
        assert values == sorted(values)
    own = HERE.rendition_of(lossy(codec, bps), rungs[-1])
    assert own.is_passthrough
    assert bps * 0.99 < rungs[-1].average_bps <= rungs[-1].bandwidth_bps < bps * 1.05 + 4000
    recipe = HERE.recipe(rungs[-1])
    assert HERE.rendition(lossy(codec, bps), recipe) == own
    assert HERE.current_hash(recipe) == recipe.hash


@pytest.mark.parametrize(("codec", "other"), [("aac", "opus"), ("opus", "aac")])
def test_in_the_other_family_a_lossy_sound_is_encoded(codec: str, other: str) -> None:
    index = lossy(codec, 128_000)
    assert not any(HERE.rendition_of(index, rung).is_passthrough for rung in ladder.rungs(index, other))


def opus_head(**changes: Any) -> bytes:
    head = bytearray(lossy("opus", 96_000).extradata)
    for at, value in changes.items():
        head[int(at[1:])] = value
    return bytes(head)


@pytest.mark.parametrize(
    "index",
    [
        lossy("aac", 128_000, extradata=bytes.fromhex("0a10")),
        lossy("aac", 128_000, extradata=bytes.fromhex("1190")),
        lossy("aac", 128_000, extradata=bytes.fromhex("1208")),
        lossy("aac", 128_000, extradata=bytes.fromhex("1214")),
        lossy("aac", 128_000, extradata=b"\x12"),
        lossy("aac", 128_000, starts=lossy("aac", 128_000).starts - 1088),
        lossy("aac", 128_000, starts=lossy("aac", 128_000).starts + 2048),
        lossy("aac", 128_000, starts=lossy("aac", 128_000).starts * 2),
        lossy("aac", 128_000, side="x.flac"),
        lossy("aac", 128_000, channels=6),
        lossy("aac", 128_000, rate_hz=96_000),
        lossy("opus", 96_000, starts=lossy("opus", 96_000).starts - 40),
        lossy("opus", 96_000, starts=lossy("opus", 96_000).starts // 2),
        lossy("opus", 96_000, starts=lossy("opus", 96_000).starts + 960),
        lossy("opus", 96_000, side="x.flac"),
        lossy("opus", 96_000, extradata=b"OpusHead"),
        lossy("opus", 96_000, extradata=opus_head(b9=1)),
        lossy("opus", 96_000, extradata=opus_head(b17=1)),
        lossy("opus", 96_000, extradata=opus_head(b18=1)),
    ],
    ids=[
        *("aac main", "aac of another rate", "aac of another layout", "frames of 960", "no config"),
        *("a priming of 2112", "two packets late", "a gap", "aac by a side file", "surround", "88.2 kHz and more"),
        *("another pre-skip", "packets of 10 ms", "no pre-skip", "opus by a side file", "no head"),
        *("mono in a stereo head", "a gain", "several streams"),
    ],
)
def test_packets_of_another_kind_or_on_another_grid_are_encoded(index: PacketIndex) -> None:
    rungs = ladder.rungs(index, index.codec)
    assert rungs
    assert not any(HERE.rendition_of(index, rung).is_passthrough for rung in rungs)


def test_a_source_that_begins_a_packet_late_has_a_silent_one_before_it() -> None:
    """As ADTS does, which has no place to tell of its priming."""
    longer = lossy("aac", 128_000, seconds=62)
    index = replace(longer, extradata=b"", starts=longer.starts + 1024, length_samples=60 * 44_100)
    (*_, own) = ladder.rungs(index, "aac")
    assert HERE.rendition_of(index, own).is_passthrough
    assert untouched.first_packet(index, 1024, 1024) == -1
    early = replace(index, starts=index.starts - 3 * 1024)
    assert untouched.first_packet(early, 1024, 1024) == 2


def test_the_rates_of_untouched_packets_are_those_of_the_worst_segment_and_of_the_whole() -> None:
    sizes = np.full(430, 100, np.int32)
    sizes[172:344] = 200
    borders, samples = np.array([0, 172, 344, 430]), np.array([171 * 1024, 172 * 1024, 86 * 1024])
    peak, average = untouched.rates_bps(sizes, borders, samples, 44_100, has_roll=True)
    exact = (172 * 200 + 172 * 8) * 8 * 44_100 / (172 * 1024)
    assert exact < peak <= exact + 2000
    assert average < peak
    short = np.array([171 * 1024, 172 * 1024, 2])
    merged, _ = untouched.rates_bps(sizes[:345], np.array([0, 172, 344, 345]), short, 44_100, has_roll=True)
    assert merged <= peak + 3000, "a last segment of a moment has no rate of its own"


@pytest.mark.parametrize(
    "index",
    [sound(bit_depth=None), sound(rate_hz=384_000), sound(channels=9), sound(rate_hz=70_001)],
    ids=["lossy", "above 192 kHz", "nine channels", "a rate that no frame can name"],
)
def test_flac_is_not_offered_where_it_cannot_be_made(index: PacketIndex) -> None:
    assert ladder.rungs(index, "flac") == ()
    with pytest.raises(NotFound):
        ladder.flac_rendition(index)


@pytest.mark.parametrize("family", ["dash", "", "AAC", "original", "cover"])
def test_an_unknown_family_has_no_rungs(family: str) -> None:
    assert ladder.rungs(sound(), family) == ()


def test_mono_stays_mono_and_more_than_two_channels_become_stereo() -> None:
    for rung in (AAC_RUNGS[0], OPUS_RUNGS[0]):
        made = [ladder.lossy_rendition(sound(channels=n), rung).channels for n in (1, 2, 3, 6, 8)]
        assert made == [1, 2, 2, 2, 2]
    assert ladder.flac_rendition(sound(channels=6)).channels == 6
    assert ladder.flac16_rendition(sound(channels=6, bit_depth=24)).channels == 6


def test_a_recipe_names_everything_that_decides_the_bytes() -> None:
    recipes = [HERE.recipe(rung) for rung in (*AAC_RUNGS, *OPUS_RUNGS)]
    assert len({recipe.hash for recipe in recipes}) == 6
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
@pytest.mark.parametrize("family", ladder.FAMILIES)
def test_segments_tile_the_sound_without_gap_or_overlap(family: str, length_samples: int) -> None:
    index = sound(length_samples=length_samples, bit_depth=24 if family == "flac16" else 16)
    length_samples = -(-length_samples * 48_000 // 44_100) if family == "opus" else length_samples
    assert ladder.rungs(index, family)
    for rung in ladder.rungs(index, family):
        rendition = HERE.rendition(index, HERE.recipe(rung))
        numbers = [rendition.segment_packets(n) for n in range(rendition.segment_count)]
        assert [packet for packets in numbers for packet in packets] == list(range(rendition.packet_count))
        lasting = [rendition.segment_samples(n) for n in range(rendition.segment_count)]
        assert sum(lasting) == length_samples + rendition.priming_samples
        assert min(lasting) > 0
        for n in (-1, rendition.segment_count):
            with pytest.raises(NotFound):
                rendition.segment_packets(n)


def test_a_segment_of_aac_begins_in_the_playlist_when_its_first_packet_does() -> None:
    rendition = ladder.lossy_rendition(sound(), AAC_RUNGS[0])
    assert rendition.packets_per_segment == 172
    assert [rendition.segment_samples(n) for n in (0, 1)] == [172 * 1024] * 2
    assert ladder.lossy_rendition(sound(rate_hz=48_000), AAC_RUNGS[0]).packets_per_segment == 188


def test_and_so_does_one_of_opus() -> None:
    rendition = ladder.lossy_rendition(sound(), OPUS_RUNGS[0])
    assert (rendition.rate_hz, rendition.packets_per_segment, rendition.priming_samples) == (48_000, 200, 312)
    assert [rendition.segment_samples(n) for n in (0, 1)] == [192_000] * 2


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
