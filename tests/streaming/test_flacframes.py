"""Frames that were made singly are those of one continuous encode."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mediaserver.media.decode import read_range
from mediaserver.media.probe import index_file
from mediaserver.streaming import encoder, flacframes, initial, ladder
from mediaserver.streaming.ladder import Ladder
from tests import audio

LADDER = Ladder(encoder.identity())


def crc(data: bytes, polynomial: int, bits: int) -> int:
    """Bit by bit, as RFC 9639 writes it."""
    value, top = 0, 1 << (bits - 1)
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ polynomial if value & top else value << 1
            value &= (1 << bits) - 1
    return value


def parts(path: Path) -> tuple[str, Any]:
    index, _ = index_file(str(path))
    return str(path), index


def frames_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.fixture(scope="module")
def flac(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audio.write(tmp_path_factory.mktemp("frames") / "x.flac", seconds=2)


def header_bytes(frame: bytes, number_bytes: int) -> int:
    block, rate = frame[2] >> 4, frame[2] & 15
    return 4 + number_bytes + {6: 1, 7: 2}.get(block, 0) + {12: 1, 13: 2, 14: 2}.get(rate, 0) + 1


@pytest.mark.parametrize(
    ("number", "number_bytes"),
    [(0, 1), (127, 1), (128, 2), (2047, 2), (2048, 3), (65_535, 3), (65_536, 4), (2_097_152, 5), (2**31 - 1, 6)],
)
def test_both_checksums_hold_for_numbers_of_any_length(flac: Path, number: int, number_bytes: int) -> None:
    for frame in frames_of(flac)[:3] + frames_of(flac)[-1:]:
        made = flacframes.renumbered(frame, number)
        head = header_bytes(made, number_bytes)
        if number < 0x110000:  # as far as UTF-8 itself goes
            assert ord(made[4 : 4 + number_bytes].decode("utf-8", "surrogatepass")) == number
        assert crc(made[: head - 1], 0x07, 8) == made[head - 1]
        assert crc(made[:-2], 0x8005, 16) == int.from_bytes(made[-2:], "big")


def test_numbering_there_and_back_gives_the_same_frame(flac: Path) -> None:
    chance = random.Random(3)
    for number, frame in enumerate(frames_of(flac)):
        there = flacframes.renumbered(frame, chance.randrange(2**31))
        assert flacframes.renumbered(there, number) == frame


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
def test_made_segments_hold_the_packets_of_one_continuous_encode(rate_hz: int, tmp_path: Path) -> None:
    path, index = parts(audio.write(tmp_path / "x.wav", seconds=9.1, rate_hz=rate_hz))
    (rung,) = ladder.rungs(index, "flac")
    rendition = LADDER.rendition(index, LADDER.recipe(rung))
    samples = read_range(path, index, 0, index.length_samples)
    target = tmp_path / "continuous.flac"
    with av.open(str(target), "w", format="flac") as sink:
        stream: Any = sink.add_stream("flac", rate=rate_hz)
        stream.layout, stream.format = "stereo", "s16"
        stream.codec_context.options = {"compression_level": "5", "frame_size": "4096", "flags": "+bitexact"}
        for at in range(0, index.length_samples, 4096):
            block = np.ascontiguousarray(samples[:, at : at + 4096].T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
            frame.sample_rate, frame.pts = rate_hz, at
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    bodies = [encoder.segment(path, index, rendition, n) for n in range(rendition.segment_count)]
    ours = b"".join(body[body.index(b"mdat") + 4 :] for body in bodies)
    assert ours == b"".join(frames_of(target))


def test_a_broken_frame_is_not_passed_on_and_the_rest_stays_exact(tmp_path: Path) -> None:
    """One changed byte within a frame: what is served can be decoded to the end, and on the right timeline."""
    file = audio.write(tmp_path / "x.flac", seconds=9)
    path, index = parts(file)
    (rung,) = ladder.rungs(index, "flac")
    rendition = LADDER.rendition(index, LADDER.recipe(rung))
    whole = read_range(path, index, 0, index.length_samples)
    raw = bytearray(file.read_bytes())
    hurt = 20  # a frame of the first segment
    raw[int(index.positions[hurt]) + int(index.sizes[hurt]) // 2] ^= 0x55
    file.write_bytes(raw)
    body = initial.init(index, rendition, edit_list=True)
    body += b"".join(encoder.segment(path, index, rendition, n) for n in range(rendition.segment_count))
    served = tmp_path / "served.mp4"
    served.write_bytes(body)
    strict: Any = av.CodecContext.create("flac", "r")
    strict.options = {"err_detect": "crccheck+explode"}
    with av.open(str(served)) as container:
        strict.extradata = container.streams.audio[0].codec_context.extradata
        heard = [frame for packet in container.demux(audio=0) if packet.size for frame in strict.decode(packet)]
    got = np.concatenate([f.to_ndarray().reshape(-1, 2).T for f in heard], axis=1)
    size = rendition.packet_samples
    assert got.shape == whole.shape
    assert np.array_equal(got[:, : hurt * size], whole[:, : hurt * size])
    assert np.array_equal(got[:, (hurt + 1) * size :], whole[:, (hurt + 1) * size :])
