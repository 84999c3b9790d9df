"""What playlists declare holds: no segment takes more than BANDWIDTH, no track more than AVERAGE-BANDWIDTH."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import encoder
from mediaserver.streaming.ladder import Rendition
from tests import audio, joins
from tests.streaming.test_encoder import renditions, sound

RATE_HZ = 48_000
SECONDS = 13.0
Wave = np.ndarray[Any, np.dtype[np.float64]]


def wave(name: str) -> Wave:
    count = round(SECONDS * RATE_HZ)
    time_s, chance = np.arange(count) / RATE_HZ, np.random.default_rng(3)
    growth = np.log(20_000 / 30)
    sweep = 0.9 * np.sin(2 * np.pi * 30 * SECONDS / growth * np.exp(time_s / SECONDS * growth))
    made = {
        "silence": np.zeros((2, count)),
        "noise": 0.2 * chance.standard_normal((2, count)),
        "loud noise": chance.uniform(-1, 1, (2, count)),
        "square noise": np.sign(chance.standard_normal((2, count))),
        "sweep": np.stack([sweep, sweep[::-1]]),
        "music": joins.chords(time_s, RATE_HZ),
        "clicks": np.stack([(np.arange(count) % 4001 == n).astype(float) for n in (0, 2000)]),
    }[name]
    return np.clip(made, -0.999, 0.999)


MATERIALS = ("silence", "noise", "loud noise", "square noise", "sweep", "music", "clicks")


def rates_bps(path: str, index: PacketIndex, rendition: Rendition) -> tuple[float, float]:
    """Of the worst segment (a short last one counts with the one before), and of the whole."""
    sizes = [8 * len(encoder.segment(path, index, rendition, n)) for n in range(rendition.segment_count)]
    times = [rendition.segment_samples(n) / rendition.rate_hz for n in range(rendition.segment_count)]
    average = sum(sizes) / sum(times)
    if times[-1] < 2.0:
        sizes[-2:], times[-2:] = [sum(sizes[-2:])], [sum(times[-2:])]
    return max(size / time for size, time in zip(sizes, times, strict=True)), average


@pytest.mark.parametrize("name", MATERIALS)
@pytest.mark.parametrize("family", ["aac", "opus", "flac", pytest.param("flac16", marks=pytest.mark.long)])
def test_no_segment_and_no_track_takes_more_than_is_declared(family: str, name: str, tmp_path: Path) -> None:
    sample_format = "s32" if family == "flac16" else "s16"
    file = audio.write(tmp_path / "x.wv", rate_hz=RATE_HZ, wave=wave(name), sample_format=f"{sample_format}p")
    path, index = sound(file)
    for rendition in renditions(index, family):
        peak, average = rates_bps(path, index, rendition)
        declared = rendition.rung
        assert peak <= declared.bandwidth_bps, f"{declared.rank}: {peak:.0f} > {declared.bandwidth_bps}"
        assert average <= declared.average_bps, f"{declared.rank}: {average:.0f} > {declared.average_bps}"


@pytest.mark.parametrize("kind", ["flac", "m4a", "aac", "opus"])
def test_of_packets_that_pass_exactly_what_they_take_is_declared(kind: str, tmp_path: Path) -> None:
    path, index = sound(audio.write(tmp_path / f"x.{kind}", seconds=SECONDS))
    rendition = renditions(index, {"flac": "flac", "opus": "opus"}.get(kind, "aac"))[-1]
    assert rendition.is_passthrough
    peak, average = rates_bps(path, index, rendition)
    for made, declared in ((peak, rendition.rung.bandwidth_bps), (average, rendition.rung.average_bps)):
        assert made <= declared <= made * 1.015 + 3500
