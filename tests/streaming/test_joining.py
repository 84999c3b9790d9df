"""The samples of many sounds as one: those of the uncut recording, without a step, the same wherever they are made."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mediaserver.core.workers import Workers
from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import encoder, initial, ladder, pcm
from mediaserver.streaming.joining import Joined, gains
from mediaserver.streaming.ladder import FAMILIES, Rendition
from mediaserver.streaming.timeline import Part, Timeline, joined
from tests import audio, joins
from tests.streaming.test_encoder import LADDER, renditions, sound

CUTS = (0, 100_000, 100_100, 250_000, 352_800)  # one part of 100 samples; eight seconds
Wave = np.ndarray[Any, np.dtype[np.float64]]


def line_of(files: Sequence[Path], crossfade_ms: int = 0) -> tuple[Timeline, Joined]:
    found = [sound(file) for file in files]
    line = joined([Part.of(f"{n:022}", index) for n, (_, index) in enumerate(found)], crossfade_ms)
    return line, feed(line, dict(enumerate(found)))


def feed(line: Timeline, found: dict[int, tuple[str, PacketIndex]]) -> Joined:
    sounds = {n: pcm.Whole(*one) for n, one in found.items()}
    return Joined(line.rate_hz, line.index.layout, line.length_samples, line.runs, sounds)


def cut(folder: Path, wave: Wave, kind: str = "flac", cuts: Sequence[int] = CUTS, **how: Any) -> list[Path]:
    return [
        audio.write(folder / f"{n}.{kind}", wave=wave[:, start:stop], **how)
        for n, (start, stop) in enumerate(pairwise(cuts))
    ]


def whole(line: Timeline, samples: Joined, rendition: Rendition) -> bytes:
    made = [encoder.fed_segment(samples, rendition, n) for n in range(rendition.segment_count)]
    return initial.init(line.index, rendition, edit_list=True) + b"".join(made)


@pytest.mark.parametrize(("sample_format", "rate_hz"), [("s16", 44_100), ("s32", 96_000)])
def test_a_recording_cut_into_files_is_the_uncut_one_again(sample_format: str, rate_hz: int, tmp_path: Path) -> None:
    """FLAC bit by bit, AAC and Opus byte by byte, also where they are resampled across the cuts."""
    wave = audio.samples(CUTS[-1] / rate_hz, rate_hz, 2)
    line, samples = line_of(cut(tmp_path, wave, rate_hz=rate_hz, sample_format=sample_format))
    path, index = sound(audio.write(tmp_path / "whole.flac", wave=wave, rate_hz=rate_hz, sample_format=sample_format))
    for family in FAMILIES:
        for rendition in renditions(line.index, family):
            if family == "flac":
                heard = audio.decoded(io.BytesIO(whole(line, samples, rendition)))
                assert np.array_equal(heard, audio.decoded(path))
                continue
            (uncut,) = [one for one in renditions(index, family) if one.rung.rank == rendition.rung.rank]
            for n in range(rendition.segment_count):
                made = encoder.fed_segment(samples, rendition, n)
                assert made == encoder.segment(path, index, uncut, n), f"{rendition.rung} {n}"


@pytest.mark.parametrize("kind", ["mp3", "m4a", "opus"])
def test_lossy_files_are_joined_without_their_encoders_delays_and_without_a_seam_of_ours(
    kind: str, tmp_path: Path
) -> None:
    rate_hz = 48_000 if kind == "opus" else 44_100
    wave = joins.material("chords", 8.0, rate_hz, 2)
    cuts = [0, 100_000, 220_003, wave.shape[1]]
    line, samples = line_of(cut(tmp_path, wave, kind, cuts))
    assert [span.start for span in line.spans()] == cuts[:-1]
    assert line.length_samples == wave.shape[1]
    read = samples.read(2, 0, line.length_samples)
    for at in (20_000, *cuts[1:-1]):  # the parts lie where they lay in the recording, also right at the cuts
        closeness = {
            lag: np.corrcoef(read[0, at - 900 : at + 900], wave[0, at - 900 + lag : at + 900 + lag])[0, 1]
            for lag in (-1, 0, 1)
        }
        assert max(closeness, key=lambda lag: closeness[lag]) == 0
        assert closeness[0] > 0.8  # of what the files' own encoders make of their ends
    for family in ("aac", "opus"):
        rendition = renditions(line.index, family)[-1]
        places = [at * rendition.rate_hz // rate_hz for at in cuts[1:-1]]
        judged = joins.judged_at(samples, line.index, rendition, places, [at + 30_000 for at in places])
        assert judged.worst_db < 1.0


def test_other_rates_and_channels_come_to_those_of_most(tmp_path: Path) -> None:
    files = [
        audio.write(tmp_path / "a.flac", seconds=2.0),
        audio.write(tmp_path / "b.flac", seconds=0.7, rate_hz=48_000, layout="mono", seed=2),
        audio.write(tmp_path / "c.flac", seconds=0.3, rate_hz=48_000, seed=3),
        audio.write(tmp_path / "d.mp3", seconds=1.0, seed=4),
        audio.write(tmp_path / "e.flac", seconds=0.5, rate_hz=96_000, layout="5.1", seed=5),
    ]
    line, samples = line_of(files)
    assert (line.rate_hz, line.index.channels, line.index.is_lossless) == (44_100, 2, False)
    read = samples.read(2, 0, line.length_samples)
    for file, span in zip(files, line.spans(), strict=True):
        path, index = sound(file)
        alone = pcm.floats(path, index, rate_hz=44_100, channels=2, start=0, stop=len(span))
        edge = 0 if index.rate_hz == 44_100 else 200  # there the resampler sees the neighbour, and not silence
        assert np.abs(read[:, span.start + edge : span.stop - edge] - alone[:, edge : len(span) - edge]).max() < 1e-3
    chance = random.Random(3)
    at_48 = pcm.fed(samples, rate_hz=48_000, channels=2, start=0, stop=line.length_samples * 48_000 // 44_100)
    for _ in range(10):
        start = chance.randrange(at_48.shape[1] - 5000)
        part = pcm.fed(samples, rate_hz=48_000, channels=2, start=start, stop=start + 5000)
        assert np.array_equal(part, at_48[:, start : start + 5000])


def test_a_crossfade_is_what_its_formula_says(tmp_path: Path) -> None:
    first, second = audio.samples(2.0, 44_100, 2), audio.samples(3.0, 44_100, 2, seed=2)
    files = [audio.write(tmp_path / f"{n}.flac", wave=wave) for n, wave in enumerate((first, second))]
    line, samples = line_of(files, 500)
    fade = 22_050
    x = (np.arange(fade) + 0.5) / fade
    into, out = x * np.sqrt(3 - 2 * x), (1 - x) * np.sqrt(1 + 2 * x)
    assert np.allclose(into**2 + out**2, 1)
    one, other = ((wave * 32767).astype(np.int16) / 32768 for wave in (first, second))
    one[:, -fade:] *= out
    other[:, :fade] *= into
    wanted = np.zeros((2, 44_100 * 5 - fade))
    wanted[:, : one.shape[1]] += one
    wanted[:, -other.shape[1] :] += other
    read = samples.read(2, 0, line.length_samples)
    assert np.abs(read - wanted).max() < 1e-6
    for start in (0, 66_000, 70_000, 88_100):
        assert np.array_equal(samples.read(2, start, start + 400), read[:, start : start + 400])
    (flac,) = renditions(line.index, "flac")
    heard = audio.decoded(io.BytesIO(whole(line, samples, flac))) / 32768
    assert np.abs(heard - wanted).max() < 2.01 / 32768  # dithered
    assert np.array_equal(heard[:, : 44_100 - 4096], wanted[:, : 44_100 - 4096])  # what does not fade is as it was
    assert gains(line.runs[0], range(10)).tolist() == [1.0] * 10


async def test_any_process_makes_the_same_bytes_in_any_order_of_the_parts_that_are_needed(
    tmp_path: Path, workers: Workers
) -> None:
    wave = audio.samples(14.0, 48_000, 2)
    files = cut(tmp_path, wave, "flac", [0, 48_000, 300_000, 310_000, 672_000], rate_hz=48_000)
    line, _ = line_of(files, 300)
    found = dict(enumerate(map(sound, files)))
    jobs = [(LADDER.rendition_of(line.index, rung), n) for f in FAMILIES for rung in ladder.rungs(line.index, f)[:1]
            for n in range(3)]  # fmt: skip
    here = [encoder.fed_segment(feed(line, found), *job) for job in jobs]
    for seed in (1, 2):
        order = random.Random(seed).sample(range(len(jobs)), len(jobs))
        for at in order:
            rendition, n = jobs[at]
            needed = feed(line, {number: found[number] for number in line.needed(rendition, n)})
            assert len(needed.sounds) < len(found)
            assert await workers.urgent(encoder.fed_segment, needed, rendition, n) == here[at]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A sound of silence, which notes that it was read."""

    number: int
    rate_hz: int
    length_samples: int
    noted: set[int]
    layout: str = "stereo"

    def read(self, channels: int, start: int, stop: int) -> pcm.Floats:
        self.noted.add(self.number)
        return np.zeros((channels, stop - start), np.float32)


@pytest.mark.parametrize("rates_hz", [(8_000,), (44_100,), (96_000, 88_200), (47_999, 48_000)])
@pytest.mark.parametrize("crossfade_ms", [0, 100])
def test_no_segment_is_made_of_a_part_that_it_was_not_said_to_need(
    rates_hz: tuple[int, ...], crossfade_ms: int
) -> None:
    """Sixty tracks of 0.2 s: what an encoder is fed before a segment reaches far."""
    chosen = [rates_hz[n % 5 % len(rates_hz)] for n in range(60)]
    line = joined([Part("A" * 22, rate_hz // 5, rate_hz, 2, "stereo", 24, 9) for rate_hz in chosen], crossfade_ms)
    noted: set[int] = set()
    seen = {n: _Seen(n, part.rate_hz, part.length_samples, noted) for n, part in enumerate(line.parts)}
    samples = Joined(line.rate_hz, "stereo", line.length_samples, line.runs, seen)
    for rendition in (renditions(line.index, family)[0] for family in FAMILIES if ladder.rungs(line.index, family)):
        for n in range(rendition.segment_count):
            noted.clear()
            encoder.fed_segment(samples, rendition, n)
            assert noted <= set(line.needed(rendition, n)), f"{rendition.rung.family} {n}"
