"""CMAF boxes: initialisation and media segments of one audio track. Pure. Source: ISO/IEC 14496-12, -14; 23000-19."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack

_AAC_RATE_INDEX = {
    96_000: 0,
    88_200: 1,
    64_000: 2,
    48_000: 3,
    44_100: 4,
    32_000: 5,
    24_000: 6,
    22_050: 7,
    16_000: 8,
    12_000: 9,
    11_025: 10,
    8_000: 11,
}
_MATRIX = pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_TRACK = 1
_SYNC_SAMPLE = 0x02000000  # depends on no other
ROW_BYTES = 8
"""Of a packet in `trun`, at most."""


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, pack(">I", version << 24 | flags), *parts)


def audio_specific_config(rate_hz: int, channels: int) -> bytes:
    """AAC-LC's two bytes (ISO/IEC 14496-3, 1.6.2.1). Raises KeyError for a rate that AAC has no index for."""
    return pack(">H", 2 << 11 | _AAC_RATE_INDEX[rate_hz] << 7 | channels << 3)


def aac_rate_hz(number: int) -> int | None:
    """The rate of which `audio_specific_config` writes this index; None where there is none."""
    return next((rate_hz for rate_hz, index in _AAC_RATE_INDEX.items() if index == number), None)


def mp4a(rate_hz: int, channels: int) -> bytes:
    """Sample entry of AAC-LC. It names no bit rate, so that all rungs share one initialisation segment."""
    config = audio_specific_config(rate_hz, channels)
    specific = pack(">BB", 5, len(config)) + config
    decoder = pack(">BBBBHIII", 4, 13 + len(specific), 0x40, 0x15, 0, 0, 0, 0)
    decoder = decoder[:4] + b"\0\0\0" + pack(">II", 0, 0) + specific
    stream = pack(">BBHB", 3, 3 + len(decoder) + 3, _TRACK, 0) + decoder + b"\x06\x01\x02"
    return _entry(b"mp4a", rate_hz, channels, 16, full_box(b"esds", 0, 0, stream))


def flac(rate_hz: int, channels: int, bit_depth: int, streaminfo: bytes) -> bytes:
    """Sample entry of FLAC in ISO BMFF; `streaminfo` is the 34 bytes of that block."""
    block = full_box(b"dfLa", 0, 0, pack(">I", 0x80000000 | len(streaminfo)), streaminfo)
    return _entry(b"fLaC", rate_hz, channels, bit_depth, block)


def opus(channels: int, pre_skip: int) -> bytes:
    """Sample entry of Opus in ISO BMFF (opus-codec.org, 4.3.2), made from any rate; of one stream, without gain."""
    head = pack(">BBHIhB", 0, channels, pre_skip, 48_000, 0, 0)
    return _entry(b"Opus", 48_000, channels, 16, box(b"dOps", head))


def _entry(kind: bytes, rate_hz: int, channels: int, bit_depth: int, config: bytes) -> bytes:
    shown_rate = rate_hz if rate_hz < 0x10000 else 0
    return box(kind, pack(">6xH8xHH4xI", 1, channels, bit_depth, shown_rate << 16), config)


def init_segment(
    entry: bytes, rate_hz: int, *, total_samples: int, priming_samples: int, roll: int, edit_list: bool
) -> bytes:
    """`ftyp` and `moov`; timescale = rate. With an edit list a classic player drops priming and padding itself."""
    ftyp = box(b"ftyp", b"iso6", pack(">I", 0), b"iso6cmfcmp41dash")
    times, next_track = pack(">4I", 0, 0, rate_hz, 0), pack(">I", _TRACK + 1)
    mvhd = full_box(b"mvhd", 0, 0, times, pack(">IH10x", 0x10000, 0x100), _MATRIX, bytes(24), next_track)
    tkhd = full_box(b"tkhd", 0, 7, pack(">5I8x", 0, 0, _TRACK, 0, 0), pack(">hhHH", 0, 0, 0x100, 0), _MATRIX, bytes(8))
    edits = b""
    if edit_list:
        is_long = total_samples >= 1 << 32  # a day at 48 kHz
        edit = pack(">IQqHH" if is_long else ">IIiHH", 1, total_samples, priming_samples, 1, 0)
        edits = box(b"edts", full_box(b"elst", int(is_long), 0, edit))
    mdhd = full_box(b"mdhd", 0, 0, pack(">4IHH", 0, 0, rate_hz, 0, 0x55C4, 0))
    hdlr = full_box(b"hdlr", 0, 0, pack(">I4s12x", 0, b"soun"), b"sound\0")
    dinf = box(b"dinf", full_box(b"dref", 0, 0, pack(">I", 1), full_box(b"url ", 0, 1)))
    tables = [full_box(b"stsd", 0, 0, pack(">I", 1), entry)]
    tables += [full_box(b"stts", 0, 0, bytes(4)), full_box(b"stsc", 0, 0, bytes(4))]
    tables += [full_box(b"stsz", 0, 0, bytes(8)), full_box(b"stco", 0, 0, bytes(4))]
    if roll:
        tables.append(full_box(b"sgpd", 1, 0, b"roll", pack(">IIh", 2, 1, roll)))
    stbl = box(b"stbl", *tables)
    minf = box(b"minf", full_box(b"smhd", 0, 0, bytes(4)), dinf, stbl)
    trak = box(b"trak", tkhd, edits, box(b"mdia", mdhd, hdlr, minf))
    mvex = box(b"mvex", full_box(b"trex", 0, 0, pack(">5I", _TRACK, 1, 0, 0, _SYNC_SAMPLE)))
    return ftyp + box(b"moov", mvhd, trak, mvex)


def media_segment(
    n: int, *, decode_time: int, packets: Sequence[bytes], durations: Sequence[int], has_roll: bool
) -> bytes:
    """`styp`, `moof`, `mdat` of segment `n` (0-based); times in samples."""
    styp = box(b"styp", b"msdh", pack(">I", 0), b"msdhmsixcmfs")
    mfhd = full_box(b"mfhd", 0, 0, pack(">I", n + 1))
    tfhd = full_box(b"tfhd", 0, 0x20028, pack(">III", _TRACK, durations[0], _SYNC_SAMPLE))
    tfdt = full_box(b"tfdt", 1, 0, pack(">Q", decode_time))
    sbgp = full_box(b"sbgp", 0, 0, b"roll", pack(">III", 1, len(packets), 1)) if has_roll else b""
    uniform = all(duration == durations[0] for duration in durations)

    def moof(data_offset: int) -> bytes:
        if uniform:
            rows = b"".join(pack(">I", len(p)) for p in packets)
        else:
            rows = b"".join(pack(">II", d, len(p)) for p, d in zip(packets, durations, strict=True))
        flags = 0x201 if uniform else 0x301
        trun = full_box(b"trun", 0, flags, pack(">Ii", len(packets), data_offset), rows)
        return box(b"moof", mfhd, box(b"traf", tfhd, tfdt, trun, sbgp))

    head = moof(0)
    return styp + moof(len(head) + 8) + box(b"mdat", *packets)


def overhead_bytes(*, has_roll: bool) -> int:
    """What a segment takes beside its packets and at most ROW_BYTES for each."""
    empty = media_segment(0, decode_time=0, packets=[b""], durations=[0], has_roll=has_roll)
    return len(empty)
