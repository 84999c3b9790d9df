"""Gains in tags, however they are written, in every format that has tags."""

from __future__ import annotations

from pathlib import Path

import mutagen
import pytest
from mutagen.apev2 import APEv2
from mutagen.asf import ASF
from mutagen.id3 import RVA2, TXXX
from mutagen.mp4 import MP4

from mediaserver.media import gains, tags
from mediaserver.media.gains import Tagged, tagged
from tests import audio

TOLD = {
    "REPLAYGAIN_TRACK_GAIN": "-7.25 dB",
    "REPLAYGAIN_TRACK_PEAK": "0.988525",
    "REPLAYGAIN_ALBUM_GAIN": "-6.50 dB",
    "REPLAYGAIN_ALBUM_PEAK": "1.000000",
}
WANTED = Tagged(-7.25, 0.988525, -6.5, 1.0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("-7.25 dB", -7.25),
        ("+3.1", 3.1),
        ("3,1 dB", 3.1),
        ("0", 0.0),
        ("-7.25dB ", -7.25),
        ("", None),
        ("loud", None),
        ("-700 dB", None),
        ("1e9", None),
        ("nan", None),
        ("--3", None),
        ("９", None),
    ],
)
def test_a_gain_is_read_however_it_is_written(text: str, wanted: float | None) -> None:
    assert tagged({"replaygain_track_gain": [text]}).track_gain_db == wanted


def test_a_peak_is_above_nothing_and_below_what_is_absurd() -> None:
    for text, wanted in (("0.5", 0.5), ("1.2", 1.2), ("0", None), ("-1", None), ("1000", None)):
        assert tagged({"replaygain_album_peak": [text]}).album_peak == wanted


def test_gains_of_opus_are_of_another_reference_and_go_first() -> None:
    values = {"r128_track_gain": ["-1280"], "r128_album_gain": ["256"], "replaygain_track_gain": ["9 dB"]}
    assert tagged(values) == Tagged(-5.0 + 5.0, None, 1.0 + 5.0, None)
    assert tagged({"r128_track_gain": ["99999"], "replaygain_track_gain": ["9 dB"]}).track_gain_db == 9.0


def read(path: Path) -> Tagged:
    with path.open("rb") as file:
        return gains.tagged(tags.read(file).values)


def written(path: Path) -> None:
    """Its tags, as taggers write them into this kind of file."""
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file, MP4):
        for name, text in TOLD.items():
            file[f"----:com.apple.iTunes:{name.lower()}"] = [text.encode()]
    elif hasattr(file.tags, "getall"):
        for name, text in TOLD.items():
            file.tags.add(TXXX(encoding=3, desc=name, text=[text]))
    elif isinstance(file, ASF) or isinstance(file.tags, APEv2):
        for name, text in TOLD.items():
            file[name] = text
    else:
        for name, text in TOLD.items():
            file[name] = [text]
    file.save()


@pytest.mark.parametrize("kind", ["flac", "mp3", "m4a", "ogg", "opus", "wav", "aiff", "wv", "wma", "tta", "dsf"])
def test_every_format_tells_its_gains(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    if kind == "dsf":
        audio.dsf(path, seconds=0.2)
    else:
        audio.write(path, seconds=0.3)
    assert read(path) == Tagged()
    written(path)
    assert read(path) == WANTED


def test_an_id3_frame_of_its_own_tells_gains_too(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.mp3", seconds=0.3)
    file = mutagen.File(path)
    file.tags.add(RVA2(desc="track", channel=1, gain=-4.5, peak=0.9))
    file.tags.add(RVA2(desc="album", channel=1, gain=-3.0, peak=0.9))
    file.tags.add(RVA2(desc="other", channel=1, gain=20.0, peak=0.9))
    file.save()
    found = read(path)
    assert (found.track_gain_db, found.album_gain_db) == (-4.5, -3.0)
