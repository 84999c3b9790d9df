"""A frame's header is known by its form and its checksum."""

from __future__ import annotations

from pathlib import Path

import av

from mediaserver.media.flacframe import crc8, read_header
from tests import audio


def test_every_frame_of_an_encoder_is_read_in_its_order(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac", seconds=15)
    with av.open(str(path)) as container:
        frames = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    headers = [read_header(frame[:16]) for frame in frames]
    assert len(headers) > 128, "numbers of one and of two bytes"
    assert [header.number for header in headers if header] == list(range(len(frames)))
    assert not any(header.counts_samples for header in headers if header)
    for frame, header in zip(frames, headers, strict=True):
        assert header is not None
        assert crc8(frame[: header.size_bytes - 1]) == frame[header.size_bytes - 1]


def test_what_is_no_header_is_none(tmp_path: Path) -> None:
    good = bytes((0xFF, 0xF8, 0xC9, 0x18, 5))
    good += bytes((crc8(good),))
    header = read_header(good + b"sound")
    assert header is not None
    assert (header.number, header.number_bytes, header.size_bytes) == (5, 1, 6)
    for bad in (b"", good[:-1], good[:-1] + bytes((good[-1] ^ 1,)), b"\xfe" + good[1:], b"\xff\xf0" + good[2:]):
        assert read_header(bad) is None
    for lead in (0x80, 0xBF, 0xFF):  # no number begins so
        fields = good[:4] + bytes((lead,)) + bytes(7)
        assert read_header(fields + bytes((crc8(fields),)) * 4) is None
