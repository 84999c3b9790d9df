"""What is turned up, down or shaped for the night: as loud as was said, never too loud, the same in whatever part."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mediaserver.core.errors import Damaged
from mediaserver.media.curve import Curve
from mediaserver.media.decode import read_range
from mediaserver.media.measured import Dynamics
from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import index_file
from mediaserver.sound.sidefiles import SoundFile
from mediaserver.streaming import constant, dynamics, encoder, initial, joining, offers, shapes, steady
from mediaserver.streaming.ladder import Ladder, Rendition
from mediaserver.streaming.shapes import Shape
from mediaserver.streaming.source import Line, Source
from mediaserver.streaming.timeline import Part, joined, unpacked
from tests import audio
from tests.loudness import measured, music

RATE_HZ = 44_100
NIGHT = Shape(0, is_night=True)


def curve(count: int, *, seed: int = 3, rate_hz: int = RATE_HZ) -> Curve:
    """Of a sound that is now soft and now loud."""
    chance = np.random.default_rng(seed)
    momentary = np.round(2 * chance.uniform(-60, -5, count)) / 2
    peaks = np.minimum(momentary + 12, 0)
    return Curve(rate_hz, rate_hz // 10, momentary.astype(np.float32), peaks.astype(np.float32))


def db(factors: Any) -> Any:
    return 20 * np.log10(factors.astype(np.float64))


def source(path: Path, *, is_measured: bool = False, gain: int = 0) -> tuple[Source, PacketIndex]:
    index, _ = index_file(str(path), side_dir=str(path.parent / "sides"))
    status = path.stat()
    found = measured(path) if is_measured else None
    night = Dynamics(found.integrated_lufs, found.curve) if found is not None else None
    looked = SoundFile(str(path), status.st_size, status.st_mtime_ns)
    return Source(str(path), index.packed(), looked, gain, night), index


def shaped(index: PacketIndex, family: str, shape: Shape, *, top: bool = True) -> Rendition:
    ladder, seen = Ladder(encoder.identity()).shaped(shape), shapes.without_own_packets(index)
    rung = offers.rungs(seen, family)[-1 if top else 0]
    return constant.of_recipe(ladder, seen, ladder.recipe(rung))


def whole(one: Source | Line, index: PacketIndex, rendition: Rendition, target: Path) -> Path:
    """All segments of a rendition in one file."""
    make = steady.segment if rendition.rung.family in constant.RUNGS else encoder.fed_segment
    parts = [
        encoder.segment_file(one, rendition, n, str(target.parent / "kept"), make=make)[0]
        for n in range(rendition.segment_count)
    ]
    head = b"" if rendition.rung.family in constant.RUNGS else initial.init(index, rendition, edit_list=True)
    target.write_bytes(head + b"".join(parts))
    return target


def test_the_gain_of_any_part_is_that_part_of_the_whole_gain() -> None:
    night = Dynamics(-20.0, curve(300).packed())
    count = 30 * RATE_HZ
    gains = dynamics.gains(NIGHT, night, RATE_HZ, 0, count)
    chance = random.Random(7)
    for _ in range(40):
        start = chance.randrange(count)
        stop = min(count, start + chance.choice((1, 7, 4_410, 100_000)))
        assert np.array_equal(dynamics.gains(NIGHT, night, RATE_HZ, start, stop), gains[start:stop])
    assert len(dynamics.gains(NIGHT, night, RATE_HZ, 5, 5)) == 0


@pytest.mark.parametrize("shape", [NIGHT, Shape(60, True), Shape(-70, True)])
def test_at_night_it_rises_slowly_stays_within_bounds_and_lets_no_peak_through(shape: Shape) -> None:
    told = curve(300)
    gains = db(dynamics.gains(shape, Dynamics(-20.0, told.packed()), RATE_HZ, 0, 30 * RATE_HZ))
    assert gains.min() >= min(-12 + shape.gain_db, -1) - 0.01
    assert gains.max() <= 9 + shape.gain_db + 0.01
    assert np.ptp(gains) > 5
    step = told.step_samples
    if shape.gain <= 0:  # else a peak may hold it down, and let it go at once
        rises = gains[step:] - gains[:-step]
        assert rises.max() <= 1.2 + 0.15  # dB in 100 ms; lines between factors are a little steeper than between dB
    for k, peak in enumerate(told.peaks_dbtp):
        assert gains[k * step : (k + 1) * step].max() + peak <= -1 + 0.001


def test_what_is_soft_comes_up_and_what_is_loud_goes_down() -> None:
    momentary = np.repeat([-40.0, -10.0, -40.0], 100).astype(np.float32)
    told = Curve(RATE_HZ, RATE_HZ // 10, momentary, np.full(300, -30, np.float32))
    gains = db(dynamics.gains(NIGHT, Dynamics(-20.0, told.packed()), RATE_HZ, 0, 30 * RATE_HZ))
    assert gains[5 * RATE_HZ] == pytest.approx(9, abs=0.01)
    assert gains[15 * RATE_HZ] == pytest.approx(-20 / 3, abs=0.01)
    assert gains[29 * RATE_HZ] == pytest.approx(9, abs=0.01)
    assert gains[10 * RATE_HZ - RATE_HZ // 5] < -6  # it is down before the loud comes


def test_what_was_measured_of_another_sound_is_refused() -> None:
    for told in (curve(10, rate_hz=48_000), curve(0)):
        with pytest.raises(Damaged):
            dynamics.gains(NIGHT, Dynamics(-20.0, told.packed()), RATE_HZ, 0, 100)
    with pytest.raises(Damaged):
        dynamics.gains(NIGHT, Dynamics(-20.0, b"no curve"), RATE_HZ, 0, 100)


def test_silence_stays_as_it_is() -> None:
    told = Curve(RATE_HZ, RATE_HZ // 10, np.full(50, -100, np.float32), np.full(50, -100, np.float32))
    assert np.all(dynamics.gains(NIGHT, Dynamics(None, told.packed()), RATE_HZ, 0, 5 * RATE_HZ) == 1)


@pytest.mark.parametrize("family", ["aac", "opus", "flac", "mp3"])
@pytest.mark.parametrize("gain", [-80, 50])
def test_what_is_made_is_as_much_louder_as_its_recipe_says(family: str, gain: int, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac", wave=music(5, 9, dbfs=-8))
    one, index = source(path)
    before = measured(path).integrated_lufs
    rendition = shaped(index, family, Shape(gain))
    made = whole(one, index, rendition, tmp_path / ("made.mp3" if family == "mp3" else "made.mp4"))
    after = measured(made).integrated_lufs
    assert before is not None and after is not None
    assert after - before == pytest.approx(gain / 10, abs=0.3)


def test_flac_of_16_bits_is_the_sound_times_the_gain_and_noise_of_one_step(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac", seconds=5.0)
    one, index = source(path)
    made = whole(one, index, shaped(index, "flac", Shape(-65)), tmp_path / "made.mp4")
    again, _ = index_file(str(made), side_dir=str(tmp_path / "sides"))
    assert (again.bit_depth, again.length_samples) == (16, index.length_samples)
    there = read_range(str(made), again, 0, again.length_samples).astype(np.float64)
    wanted = read_range(str(path), index, 0, index.length_samples) * 10 ** (-6.5 / 20)
    error = there - wanted
    assert np.abs(error).max() <= 1.51
    assert abs(error.mean()) < 0.01 and error.std() == pytest.approx(0.5, abs=0.03)


def test_a_gain_that_somebody_wrote_into_an_address_cuts_and_does_not_wrap(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac", wave=music(5, 3, dbfs=0))
    one, index = source(path)
    made = whole(one, index, shaped(index, "flac", Shape(200)), tmp_path / "made.mp4")
    again, _ = index_file(str(made), side_dir=str(tmp_path / "sides"))
    there = read_range(str(made), again, 0, again.length_samples).astype(np.float64)
    plain = read_range(str(path), index, 0, index.length_samples).astype(np.float64)
    loud = np.abs(plain) > 100
    assert np.all(np.sign(there[loud]) == np.sign(plain[loud]))
    assert there.max() == 32767 and there.min() == -32768


@pytest.mark.parametrize("family", ["aac", "opus", "flac", "mp3"])
def test_segments_for_the_night_are_the_same_in_any_order_and_have_less_range(family: str, tmp_path: Path) -> None:
    wave = np.random.default_rng(6).uniform(-0.5, 0.5, (2, 25 * RATE_HZ))
    wave[:, : 12 * RATE_HZ] *= 0.16
    path = audio.write(tmp_path / "x.flac", wave=wave)
    one, index = source(path, is_measured=True)
    rendition = shaped(index, family, Shape(20, is_night=True))
    made = whole(one, index, rendition, tmp_path / ("made.mp3" if family == "mp3" else "made.mp4"))
    make = steady.segment if family == "mp3" else encoder.fed_segment
    numbers = list(range(rendition.segment_count))
    random.Random(1).shuffle(numbers)
    feed = dynamics.feed(one, rendition.shape)
    body = made.read_bytes()
    for n in numbers:
        assert make(feed, rendition, n) in body
    before, after = measured(path), measured(made)
    assert before.range_lu is not None and after.range_lu is not None and after.true_peak_dbtp is not None
    assert after.range_lu < before.range_lu - 5
    assert after.true_peak_dbtp <= (-0.9 if family == "flac" else 1.5)


def test_parts_of_a_timeline_have_their_own_gains_and_nights(tmp_path: Path) -> None:
    sources, parts, feeds = {}, [], []
    for n, gain in enumerate((-65, 0, 40)):
        path = audio.write(tmp_path / f"{n}.flac", wave=music(n, 4, dbfs=-12))
        one, index = source(path, is_measured=True, gain=gain)
        sources[n], parts = one, [*parts, Part.of(f"digest{n}", index, gain)]
        feeds.append(dynamics.feed(replace(one, gain=0), Shape(gain + 10, is_night=True)))
    timeline = joined(parts)
    assert unpacked(timeline.packed()).parts == timeline.parts
    assert timeline.digest != joined([replace(part, gain=0) for part in parts]).digest
    line = Line(timeline.rate_hz, timeline.index.layout, timeline.length_samples, timeline.runs, sources)
    made = joining.Joined.of(line, Shape(10, is_night=True)).read(2, 0, timeline.length_samples)
    apart = np.concatenate([feed.read(2, 0, feed.length_samples) for feed in feeds], axis=1)
    assert np.array_equal(made, apart)


def test_the_digest_of_a_timeline_without_gains_is_what_it_was() -> None:
    part = Part("digest", 1000, 44_100, 2, "stereo", 16, 5000)
    assert joined([part]).packed() == b'[1,0,[["digest",1000,44100,2,"stereo",16,5000]]]'
