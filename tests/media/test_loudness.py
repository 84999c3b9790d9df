"""Loudness against the EBU's own cases and against ffmpeg."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mediaserver.core.errors import Damaged
from mediaserver.media import gating
from mediaserver.media.curve import Curve
from mediaserver.media.gating import Blocks
from mediaserver.media.loudness import measure
from mediaserver.media.packets import waiting
from mediaserver.media.probe import index_file
from tests import audio, loudness
from tests.loudness import music, needs_ffmpeg, of_wave, sine, stereo

# EBU Tech 3341, table 1: the cases that are given by their levels alone.
INTEGRATED = {
    "1": ([(-23, 20)], -23.0),
    "2": ([(-33, 20)], -33.0),
    "3": ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
    "4": ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
    "5": ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
}
# The same, of true peaks: a part of the sampling rate, degrees, amplitude, and dBTP.
PEAKS = {
    "15": (4, 0.0, 0.5, -6.0),
    "16": (4, 45.0, 0.5, -6.0),
    "17": (6, 60.0, 0.5, -6.0),
    "18": (8, 67.5, 0.5, -6.0),
}
# EBU Tech 3342, table 1.
RANGES = {
    "1": ([(-20, 20), (-30, 20)], 10.0),
    "2": ([(-20, 20), (-15, 20)], 5.0),
    "3": ([(-40, 20), (-20, 20)], 20.0),
    "4": ([(-50, 20), (-35, 20), (-20, 20), (-35, 20), (-50, 20)], 15.0),
}


def some(cases: Iterable[str], *quick: str) -> list[Any]:
    """All of them, of which only the quick ones are among the ordinary tests."""
    return [case if case in quick else pytest.param(case, marks=pytest.mark.long) for case in cases]


@pytest.mark.parametrize("case", some(INTEGRATED, "1", "2"))
def test_integrated_loudness_is_that_of_ebu_tech_3341(case: str, tmp_path: Path) -> None:
    parts, wanted = INTEGRATED[case]
    found = of_wave(tmp_path / "x.flac", stereo(sine(parts)))
    assert found.integrated_lufs == pytest.approx(wanted, abs=0.1)


def test_surround_channels_weigh_as_in_case_6_of_ebu_tech_3341(tmp_path: Path) -> None:
    front, centre, back = (sine([(dbfs, 20)]) for dbfs in (-28, -24, -30))
    silent = np.zeros_like(front)
    found = of_wave(tmp_path / "x.flac", np.stack([front, front, centre, silent, back, back]), layout="5.1")
    assert found.integrated_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("case", PEAKS)
def test_true_peaks_are_those_of_ebu_tech_3341(case: str, tmp_path: Path) -> None:
    part, degrees, amplitude, wanted = PEAKS[case]
    wave = sine([(20 * np.log10(amplitude), 3)], hz=loudness.RATE_HZ / part, degrees=degrees)
    ramp = np.minimum(1, np.arange(len(wave)) / 4800)
    found = of_wave(tmp_path / "x.flac", stereo(wave * ramp * ramp[::-1]))
    assert found.true_peak_dbtp is not None
    assert wanted - 0.4 <= found.true_peak_dbtp <= wanted + 0.2


@needs_ffmpeg
def test_a_lossy_sound_may_peak_above_full_scale(tmp_path: Path) -> None:
    """Case 19, which no file of whole numbers can hold."""
    wave = 1.41 * stereo(sine([(0, 3)], hz=loudness.RATE_HZ / 4, degrees=45))
    path = audio.write(tmp_path / "x.m4a", wave=wave, rate_hz=loudness.RATE_HZ)
    found = loudness.measured(path)
    assert found.true_peak_dbtp == pytest.approx(loudness.judged(path)[2], abs=0.1)
    assert found.true_peak_dbtp > 2.0


@pytest.mark.parametrize("case", some(RANGES, "1", "3"))
def test_the_range_is_that_of_ebu_tech_3342(case: str, tmp_path: Path) -> None:
    parts, wanted = RANGES[case]
    found = of_wave(tmp_path / "x.flac", stereo(sine(parts)))
    assert found.range_lu == pytest.approx(wanted, abs=1.0)


@needs_ffmpeg
@pytest.mark.parametrize(
    "kind",
    some(["flac", "mp3", "m4a", "alac.m4a", "ogg", "opus", "wav", "aiff", "wv", "wma", "tta", "aac"], "mp3", "opus"),
)
def test_every_format_measures_as_ffmpeg_measures_it(kind: str, tmp_path: Path) -> None:
    rate_hz = audio.FORMATS[kind][3]
    path = audio.write(tmp_path / f"x.{kind}", wave=music(3, 8, rate_hz=rate_hz, dbfs=-6), rate_hz=rate_hz)
    found, (lufs, lu, dbtp) = loudness.measured(path), loudness.judged(path)
    assert found.integrated_lufs == pytest.approx(lufs, abs=0.1)
    assert found.range_lu == pytest.approx(
        lu, abs=0.9
    )  # of 50 blocks each rank is a step, and ffmpeg rounds ranks otherwise
    assert found.true_peak_dbtp == pytest.approx(dbtp, abs=0.15)


@needs_ffmpeg
@pytest.mark.parametrize(("rate_hz", "layout"), [(22_050, "stereo"), (96_000, "stereo"), (192_000, "stereo")])
def test_every_rate_measures_as_ffmpeg_measures_it(rate_hz: int, layout: str, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac", wave=music(5, 6, rate_hz=rate_hz), rate_hz=rate_hz, sample_format="s32")
    found, (lufs, _, dbtp) = loudness.measured(path), loudness.judged(path)
    assert found.integrated_lufs == pytest.approx(lufs, abs=0.1)
    assert found.true_peak_dbtp == pytest.approx(dbtp, abs=0.15)


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["flac", "wv", "m4a"])
def test_eight_channels_measure_as_ffmpeg_measures_them(kind: str, tmp_path: Path) -> None:
    wave = np.concatenate([music(seed, 6, rate_hz=48_000) for seed in range(4)])
    path = audio.write(tmp_path / f"x.{kind}", wave=wave, layout="7.1", rate_hz=48_000)
    found, (lufs, _, dbtp) = loudness.measured(path), loudness.judged(path)
    assert found.integrated_lufs == pytest.approx(lufs, abs=0.1)
    assert found.true_peak_dbtp == pytest.approx(dbtp, abs=0.15)


def test_dsd_is_measured_as_it_is_played(tmp_path: Path) -> None:
    """A sine of 0.4 of full scale, which DSD calls 0 dB at half of PCM's."""
    path = audio.dsf(tmp_path / "x.dsf", seconds=2.0)
    side = tmp_path / "side"
    by_side = index_file(str(path), side_dir=str(side))[0]
    played = measure(str(side / by_side.side), index_file(str(side / by_side.side))[0].packed())
    found = loudness.measured(path)
    assert found.integrated_lufs == pytest.approx(played.integrated_lufs, abs=0.02)
    assert found.true_peak_dbtp == pytest.approx(played.true_peak_dbtp, abs=0.05)


def test_one_channel_is_as_loud_as_the_same_on_both(tmp_path: Path) -> None:
    wave = sine([(-23, 3)])
    one = of_wave(tmp_path / "one.flac", wave[None, :], layout="mono")
    both = of_wave(tmp_path / "both.flac", stereo(wave))
    assert one.integrated_lufs == pytest.approx(both.integrated_lufs, abs=0.01)


def test_silence_and_what_is_too_short_have_no_loudness(tmp_path: Path) -> None:
    silent = of_wave(tmp_path / "silent.flac", np.zeros((2, 48_000)))
    assert (silent.integrated_lufs, silent.range_lu, silent.true_peak_dbtp) == (None, None, None)
    short = of_wave(tmp_path / "short.flac", stereo(sine([(-20, 0.35)])))
    assert (short.integrated_lufs, short.range_lu) == (None, None)
    assert short.true_peak_dbtp == pytest.approx(-20, abs=0.3)
    assert len(Curve.unpacked(short.curve).peaks_dbtp) == 4


def test_the_curve_tells_each_moment(tmp_path: Path) -> None:
    found = of_wave(tmp_path / "x.flac", stereo(sine([(-20, 2), (-40, 2.05)])))
    curve = Curve.unpacked(found.curve)
    assert (curve.rate_hz, curve.step_samples) == (48_000, 4800)
    assert len(curve.momentary_lufs) == len(curve.peaks_dbtp) == 41
    assert curve.momentary_lufs[10] == pytest.approx(-20, abs=0.3)
    assert curve.momentary_lufs[35] == pytest.approx(-40, abs=0.3)
    assert curve.peaks_dbtp[10] == pytest.approx(-19.75, abs=0.26)
    assert curve.peaks_dbtp[10] >= -20.0
    assert curve.peaks_dbtp[40] == pytest.approx(-39.75, abs=0.5)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_an_album_is_as_loud_as_all_its_tracks_in_one_file(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    waves = [
        music(seed * 10 + n, random.uniform(15, 30), dbfs=random.uniform(-40, -3)) for n in range(random.integers(2, 6))
    ]
    for wave in waves:  # as tracks begin and end: the blocks over a join are in the whole alone
        fade = np.minimum(1, np.arange(wave.shape[1]) / 88_200)
        wave *= fade * fade[::-1]
    tracks = [of_wave(tmp_path / f"{n}.flac", wave, rate_hz=44_100) for n, wave in enumerate(waves)]
    whole = of_wave(tmp_path / "whole.flac", np.concatenate(waves, axis=1), rate_hz=44_100)
    album = gating.together(Blocks.unpacked(one.blocks) for one in tracks)
    assert album.integrated_lufs == pytest.approx(whole.integrated_lufs, abs=0.1)
    assert album.range_lu == pytest.approx(whole.range_lu, abs=2.0)  # the 3 s over each join are in one of them alone
    assert max(one.true_peak_dbtp or -99 for one in tracks) == pytest.approx(whole.true_peak_dbtp, abs=0.05)


def test_an_album_is_not_the_mean_of_its_tracks(tmp_path: Path) -> None:
    """Case 3 of Tech 3341, cut into three tracks: the soft ones do not count."""
    parts, wanted = INTEGRATED["3"]
    tracks = [of_wave(tmp_path / f"{n}.flac", stereo(sine([part]))) for n, part in enumerate(parts)]
    album = gating.together(Blocks.unpacked(one.blocks) for one in tracks)
    assert album.integrated_lufs == pytest.approx(wanted, abs=0.1)


def test_what_is_stored_of_a_sound_is_small(tmp_path: Path) -> None:
    found = of_wave(tmp_path / "x.flac", music(1, 60), rate_hz=44_100)
    assert len(found.blocks) < 1000
    assert len(found.curve) < 60 * 10 * 1.5
    again = Blocks.unpacked(found.blocks)
    assert again.integrated_lufs == found.integrated_lufs
    with pytest.raises(Damaged):
        Blocks.unpacked(b"no blocks")
    with pytest.raises(Damaged):
        Curve.unpacked(b"no curve")


def test_a_share_of_a_core_is_not_exceeded_and_changes_nothing(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac", seconds=20)
    packed = index_file(str(path))[0].packed()
    assert measure(str(path), packed, share=0.5) == measure(str(path), packed)


def test_what_cannot_be_decoded_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "x.wma"
    path.write_bytes(bytes(5000))
    with pytest.raises(Damaged):
        measure(str(path), waiting("wmav2"))


@pytest.mark.parametrize("rate_hz", [1, 7])
def test_a_rate_that_no_sound_has_is_damage_and_nothing_else(rate_hz: int, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.wav", seconds=0.1)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"fmt ") + 12
    raw[at : at + 8] = rate_hz.to_bytes(4, "little") + (4 * rate_hz).to_bytes(4, "little")
    path.write_bytes(raw)
    with pytest.raises(Damaged):
        measure(str(path), waiting("pcm"))


def test_whatever_fails_in_measuring_is_a_damaged_file(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac")
    index, *_ = index_file(str(path), side_dir=str(tmp_path))
    with pytest.raises(Damaged):
        measure(str(path), replace(index, layout="of no name").packed())
