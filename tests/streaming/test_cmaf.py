"""Boxes as ISO/IEC 14496-12 has them, read here by a parser of the tests' own."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from mediaserver.streaming import cmaf

CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"mvex", b"moof", b"traf"}


def boxes(data: bytes, at: int = 0) -> Iterator[tuple[bytes, int, bytes]]:
    """(kind, position, body), depth first; sizes must fit exactly."""
    end = at + len(data)
    start = at
    while at < end:
        size, kind = struct.unpack_from(">I4s", data, at - start)
        assert 8 <= size <= end - at, kind
        body = data[at - start + 8 : at - start + size]
        yield kind, at, body
        if kind in CONTAINERS:
            yield from boxes(body, at + 8)
        at += size
    assert at == end


def found(data: bytes) -> dict[bytes, bytes]:
    return {kind: body for kind, _, body in boxes(data)}


def init(**changes: Any) -> bytes:
    fields: dict[str, Any] = {"total_samples": 100_000, "priming_samples": 1024, "roll": -1, "edit_list": True}
    return cmaf.init_segment(cmaf.mp4a(44_100, 2), 44_100, **{**fields, **changes})


def test_the_classic_init_tells_priming_and_length_and_that_of_mse_does_not() -> None:
    classic, mse = found(init()), found(init(edit_list=False))
    _, entries, total, start, rate, _ = struct.unpack(">IIIiHH", classic[b"elst"])
    assert (entries, total, start, rate) == (1, 100_000, 1024, 1)
    assert b"elst" not in mse
    assert b"edts" not in mse
    for same in (b"stsd", b"mdhd", b"trex", b"sgpd"):
        assert classic[same] == mse[same]


def test_a_length_of_more_than_32_bits_is_told_in_64() -> None:
    """A day at 48 kHz: an album, or a queue."""
    for total in (2**32 - 1, 2**32):
        elst = found(init(total_samples=total))[b"elst"]
        form = ">IIQqHH" if total == 2**32 else ">IIIiHH"
        head, entries, told, start, rate, _ = struct.unpack(form, elst)
        assert (head >> 24, entries, told, start, rate) == (int(total == 2**32), 1, total, 1024, 1)


def test_time_counts_in_samples() -> None:
    for kind, at in ((b"mdhd", 12), (b"mvhd", 12)):
        assert struct.unpack_from(">I", found(init())[kind], at)[0] == 44_100


def test_the_sample_entry_of_aac_names_no_bit_rate() -> None:
    """So that all rungs share one initialisation segment (test_segments.py holds that): whoever changes rungs need not
    send it again, which would be heard as a click in some browsers."""
    entry = cmaf.mp4a(44_100, 2)
    kind, body = entry[4:8], entry[8 + 28 :]  # after the fields of AudioSampleEntry: esds
    assert (kind, body[4:8]) == (b"mp4a", b"esds")
    found = body[12:]
    # ES_Descriptor (tag 3, ES_ID, flags), DecoderConfigDescriptor (tag 4), AudioStream, buffer, and two bit rates
    assert (found[0], found[5], found[7], found[8] >> 2) == (3, 4, 0x40, 5)
    buffer_size, most_bps, average_bps = int.from_bytes(found[9:12]), *struct.unpack_from(">II", found, 12)
    assert (buffer_size, most_bps, average_bps) == (0, 0, 0)
    assert found[20:24] == b"\x05\x02\x12\x10"  # AAC-LC, 44.1 kHz, stereo


@pytest.mark.parametrize(
    ("rate_hz", "channels", "config"),
    [(44_100, 2, "1210"), (48_000, 2, "1190"), (48_000, 1, "1188"), (8_000, 1, "1588"), (96_000, 2, "1010")],
)
def test_the_audio_specific_config_is_that_of_aac_lc(rate_hz: int, channels: int, config: str) -> None:
    assert cmaf.audio_specific_config(rate_hz, channels).hex() == config


def test_a_rate_above_16_bits_is_left_to_streaminfo() -> None:
    entry = cmaf.flac(96_000, 2, 24, bytes(34))
    channels, depth, rate = struct.unpack_from(">HH4xI", entry, 8 + 16)
    assert (channels, depth, rate) == (2, 24, 0)
    assert b"dfLa\0\0\0\0\x80\0\0\x22" in entry


@pytest.mark.parametrize("durations", [[1024, 1024, 1024], [4096, 4096, 17]])
@pytest.mark.parametrize("has_roll", [True, False])
def test_a_segment_points_at_its_own_packets(durations: list[int], has_roll: bool) -> None:
    packets = [b"first", b"second!", b"3"]
    body = cmaf.media_segment(7, decode_time=2**33, packets=packets, durations=durations, has_roll=has_roll)
    places = {kind: at for kind, at, _ in boxes(body)}
    parts = found(body)
    assert parts[b"mdat"] == b"".join(packets)
    assert struct.unpack(">II", parts[b"mfhd"]) == (0, 8)
    assert struct.unpack(">IQ", parts[b"tfdt"]) == (1 << 24, 2**33)
    flags, count, offset = struct.unpack_from(">IIi", parts[b"trun"])
    assert count == 3
    assert places[b"moof"] + offset == places[b"mdat"] + 8
    default = struct.unpack_from(">II", parts[b"tfhd"], 4)[1]
    if flags & 0x100:
        rows = list(struct.iter_unpack(">II", parts[b"trun"][12:]))
        told, sizes = [duration for duration, _ in rows], [size for _, size in rows]
    else:
        sizes = [size for (size,) in struct.iter_unpack(">I", parts[b"trun"][12:])]
        told = [default] * count
    assert told == durations
    assert sizes == [len(packet) for packet in packets]
    assert (b"sbgp" in parts) is has_roll
