"""Segments of constant bit rate, put together: judged by decoders, sample by sample, and at every join."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mediaserver.core.errors import NotFound
from mediaserver.core.workers import Workers
from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import index_file
from mediaserver.streaming import constant, layout, mp3, oggopus, pcm, steady
from mediaserver.streaming.constant import MP3_RUNGS, OGG_OPUS_RUNGS
from mediaserver.streaming.ladder import Rendition, Rung
from mediaserver.streaming.layout import Layout
from tests import audio, ffmpeg, joins

RUNGS = [*MP3_RUNGS, *OGG_OPUS_RUNGS]
_WINDOW = 4608


def name_of(rung: Rung) -> str:
    return f"{rung.family}-{rung.quality // 1000}"


def sound(path: Path) -> tuple[str, PacketIndex]:
    index, _ = index_file(str(path), side_dir=str(path.parent / "sides"))
    return str(path), index


def placed(index: PacketIndex, rendition: Rendition, start_samples: int = 0) -> Layout:
    if rendition.rung.family == "mp3":
        return mp3.Encoded(rendition, start_samples)
    return oggopus.Encoded(rendition, index.rate_hz, start_samples)


def whole(path: str, index: PacketIndex, rendition: Rendition, start_samples: int = 0) -> bytes:
    one = placed(index, rendition, start_samples)
    made = [one.framed(n, steady.segment(pcm.Whole(path, index), rendition, n)) for n in one.chunks]
    body = one.head + b"".join(made)
    assert len(body) == layout.size_bytes(one)
    return body


@pytest.fixture(scope="module")
def long_flac(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, PacketIndex]:
    """Three segments, the last one short."""
    return sound(audio.write(tmp_path_factory.mktemp("long") / "x.flac", seconds=20.3))


def heard(body: bytes, suffix: str, channels: int, folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    file = folder / f"x.{suffix}"
    file.write_bytes(body)
    return {"pyav": audio.decoded(io.BytesIO(body)), "ffmpeg": ffmpeg.decoded(file, channels)}


@pytest.mark.parametrize("rung", RUNGS, ids=name_of)
@pytest.mark.parametrize("seconds", [0.1, *(pytest.param(seconds, marks=pytest.mark.long) for seconds in (8.0, 20.3))])
def test_every_sample_is_heard_and_none_more(
    seconds: float, rung: Rung, long_flac: tuple[str, PacketIndex], tmp_path: Path
) -> None:
    path, index = long_flac if seconds == 20.3 else sound(audio.write(tmp_path / "s.flac", seconds=seconds))
    rendition = constant.rendition(index, rung)
    wanted = pcm.floats(
        path, index, rate_hz=rendition.rate_hz, channels=2, start=0, stop=rendition.length_samples
    ).astype(float)
    for judge, got in heard(whole(path, index, rendition), rung.family[-4:], 2, tmp_path).items():
        assert got.shape[1] == rendition.length_samples, judge
        noise = np.sum((wanted - got) ** 2) / np.sum(wanted**2)
        assert noise < 0.05, f"{judge}: not the same place, or not the same sound"


@pytest.mark.parametrize(("layout_name", "rate_hz"), [("mono", 48_000), ("mono", 8_000), ("5.1", 96_000)])
@pytest.mark.parametrize("rung", [MP3_RUNGS[0], MP3_RUNGS[2], OGG_OPUS_RUNGS[0]], ids=name_of)
def test_mono_stays_mono_and_surround_is_mixed_down(layout_name: str, rate_hz: int, rung: Rung, tmp_path: Path) -> None:
    path, index = sound(audio.write(tmp_path / "x.flac", seconds=1.3, rate_hz=rate_hz, layout=layout_name))
    rendition = constant.rendition(index, rung)
    assert rendition.channels == (1 if layout_name == "mono" else 2)
    for judge, got in heard(whole(path, index, rendition), rung.family[-4:], rendition.channels, tmp_path).items():
        assert got.shape == (rendition.channels, rendition.length_samples), judge


@pytest.mark.parametrize(
    ("rung", "seconds"),
    [
        (MP3_RUNGS[0], 9.0),
        (OGG_OPUS_RUNGS[1], 11.0),
        *(pytest.param(one, 24.0, marks=pytest.mark.long) for one in RUNGS),
    ],
    ids=lambda one: name_of(one) if isinstance(one, Rung) else str(one),
)
def test_joins_are_as_clean_as_those_of_one_encode(rung: Rung, seconds: float, tmp_path: Path) -> None:
    for material in joins.MATERIALS:
        wave = joins.material(material, seconds, 44_100, 2)
        path, index = sound(audio.write(tmp_path / f"{material}.flac", rate_hz=44_100, wave=wave))
        rendition = constant.rendition(index, rung)
        source = pcm.floats(path, index, rate_hz=rendition.rate_hz, channels=2, start=0, stop=rendition.length_samples)
        ours = audio.decoded(io.BytesIO(whole(path, index, rendition))).astype(float)
        theirs = _continuous(source, rendition)
        for n in range(1, rendition.segment_count):
            at = n * rendition.packets_per_segment * rendition.packet_samples - rendition.priming_samples
            around = slice(at - _WINDOW // 2, at + _WINDOW // 2)
            lost = _snr_db(source[:, around], theirs[:, around]) - _snr_db(source[:, around], ours[:, around])
            assert lost < 1.0, f"{material}: {lost:.2f} dB lost at join {n}"


def _snr_db(wanted: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> float:
    wanted = wanted.astype(float)
    return float(10 * np.log10(np.sum(wanted**2) / np.sum((wanted - got) ** 2)))


def _continuous(source: np.ndarray[Any, Any], rendition: Rendition) -> np.ndarray[Any, Any]:
    """The same settings in one encode from beginning to end, in libav's own container."""
    codec, sample_format, options = steady._CODECS[rendition.rung.family]
    out = io.BytesIO()
    with av.open(out, "w", format="mp3" if codec == "libmp3lame" else "ogg") as sink:
        stream: Any = sink.add_stream(codec, rate=rendition.rate_hz)
        stream.layout, stream.format, stream.bit_rate = "stereo", sample_format, rendition.rung.quality
        stream.codec_context.options = options
        for at in range(0, source.shape[1], rendition.packet_samples):
            block = source[:, at : at + rendition.packet_samples]
            if not sample_format.endswith("p"):
                block = block.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format=sample_format, layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = rendition.rate_hz, at, Fraction(1, rendition.rate_hz)
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return audio.decoded(io.BytesIO(out.getvalue()))[:, : source.shape[1]].astype(float)


@pytest.mark.parametrize("rung", [MP3_RUNGS[0], OGG_OPUS_RUNGS[1]], ids=name_of)
@pytest.mark.parametrize("start_s", [8, *(pytest.param(start_s, marks=pytest.mark.long) for start_s in (1, 7, 19))])
def test_a_stream_that_begins_later_is_the_rest_of_the_same_sound(
    start_s: int, rung: Rung, long_flac: tuple[str, PacketIndex], tmp_path: Path
) -> None:
    path, index = long_flac
    rendition = constant.rendition(index, rung)
    start = start_s * rendition.rate_hz
    full = heard(whole(path, index, rendition), rung.family[-4:], 2, tmp_path)
    rest = heard(whole(path, index, rendition, start), rung.family[-4:], 2, tmp_path)
    for judge, got in rest.items():
        assert got.shape[1] == rendition.length_samples - start, judge
        difference = np.abs(got - full[judge][:, start:]).max()
        assert difference < (1e-6 if rung.family == "mp3" else 1e-2), judge


def test_segments_in_any_order_from_two_processes_are_the_same_bytes(long_flac: tuple[str, PacketIndex]) -> None:
    path, index = long_flac
    renditions = [constant.rendition(index, rungs[0]) for rungs in constant.RUNGS.values()]
    jobs = [(rendition, n) for rendition in renditions for n in range(rendition.segment_count)]

    async def made() -> list[dict[str, str]]:
        workers = Workers(processes=2)
        results = []
        for seed in (1, 2):
            digests = {}
            for at in random.Random(seed).sample(range(len(jobs)), len(jobs)):
                body = await workers.urgent(steady.segment, pcm.Whole(path, index), *jobs[at])
                digests[f"{jobs[at][0].rung}{jobs[at][1]}"] = hashlib.sha256(body).hexdigest()
            results.append(digests)
        await workers.close()
        return results

    first, second = asyncio.run(made())
    here = {f"{r.rung}{n}": hashlib.sha256(steady.segment(pcm.Whole(path, index), r, n)).hexdigest() for r, n in jobs}
    assert first == second == here


def test_past_the_end_is_not_found(long_flac: tuple[str, PacketIndex]) -> None:
    path, index = long_flac
    rendition = constant.rendition(index, MP3_RUNGS[0])
    with pytest.raises(NotFound):
        steady.segment(pcm.Whole(path, index), rendition, rendition.segment_count)
