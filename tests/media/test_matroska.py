"""What Matroska files say of themselves, the hostile ones too."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from mediaserver.core.errors import Damaged
from mediaserver.media import ebml, tags
from mediaserver.media.raw import RawTags
from tests import audio


def read(path: Path) -> RawTags:
    with path.open("rb") as file:
        return tags.read(file)


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "JPEG")
    return out.getvalue()


def element(kind: int, content: bytes) -> bytes:
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + (len(content) | 1 << 56).to_bytes(8, "big") + content


def tagged(level: int, called: str, **values: str) -> bytes:
    """A Tag as the specification has it: what it is about, then what it says."""
    about = element(0x63C0, element(0x68CA, bytes([level])) + element(0x63CA, called.encode()))
    said = [element(0x67C8, element(0x45A3, k.encode()) + element(0x4487, v.encode())) for k, v in values.items()]
    return element(0x7373, about + b"".join(said))


def insert(path: Path, added: bytes) -> None:
    """Before the first cluster, within the segment."""
    raw = path.read_bytes()
    at = raw.index(b"\x18\x53\x80\x67") + 4
    assert raw[at] == 1, "its size takes eight bytes"
    size = int.from_bytes(raw[at + 1 : at + 8], "big") + len(added)
    cluster = raw.index(b"\x1f\x43\xb6\x75", at + 200)  # the first mention is where it lies
    path.write_bytes(raw[: at + 1] + size.to_bytes(7, "big") + raw[at + 8 : cluster] + added + raw[cluster:])


def test_tags_are_read_as_ffmpeg_writes_them(tmp_path: Path) -> None:
    said = {"title": "Jóga", "artist": "Björk", "album": "Homogenic", "album_artist": "Björk", "track": "2/10"}
    said |= {"date": "1997", "disc": "1", "genre": "Art Pop", "REPLAYGAIN_TRACK_GAIN": "-7.5 dB"}
    raw = read(audio.write(tmp_path / "x.flac.mka", tags=said))
    assert {name: values[0] for name, values in raw.values.items()} == {
        "title": "Jóga",
        "artist": "Björk",
        "album": "Homogenic",
        "albumartist": "Björk",
        "tracknumber": "2/10",
        "date": "1997",
        "discnumber": "1",
        "genre": "Art Pop",
        "replaygain_track_gain": "-7.5 dB",
    }


def test_tags_are_read_by_their_level(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.opus.webm")
    album = tagged(50, "ALBUM", TITLE="Homogenic", ARTIST="Björk", DATE_RELEASED="1997-09-22")
    song = tagged(30, "TRACK", TITLE="Jóga", ARTIST="Björk & Octet", PART_NUMBER="2")
    insert(path, element(0x1254C367, album + song))
    values = read(path).values
    assert (values["album"], values["albumartist"], values["date"]) == (["Homogenic"], ["Björk"], ["1997-09-22"])
    assert (values["title"], values["artist"], values["tracknumber"]) == (["Jóga"], ["Björk & Octet"], ["2"])


def test_the_cover_is_the_attachment_of_that_name(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac.mka")
    back, front = picture("red"), picture("blue")
    attached = b""
    for n, (name, data) in enumerate((("back.jpg", back), ("cover.jpg", front)), 1):
        file = element(0x466E, name.encode()) + element(0x4660, b"image/jpeg") + element(0x465C, data)
        attached += element(0x61A7, file + element(0x46AE, bytes([n])))
    insert(path, element(0x1941A469, attached))
    found = read(path).pictures
    assert [(one.data, one.mime, one.is_front) for one in found] == [
        (front, "image/jpeg", True),
        (back, "image/jpeg", False),
    ]


def test_a_film_is_no_track(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w", format="matroska") as out:
        sound: Any = out.add_stream("pcm_s16le", rate=48_000)
        sound.layout = "stereo"
        film: Any = out.add_stream("mpeg4", rate=25)
        film.width, film.height, film.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        out.mux(film.encode(frame))
        out.mux(film.encode(None))
        noise = av.AudioFrame.from_ndarray(np.ones((1, 960), np.int16), format="s16", layout="stereo")
        noise.sample_rate = 48_000
        out.mux(sound.encode(noise))
    with pytest.raises(Damaged, match="moving pictures"):
        read(path)


def test_what_was_recorded_live_has_the_length_of_its_packets(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.opus.webm", seconds=7, options={"live": "1"})
    assert read(path).duration_s == pytest.approx(7.0, abs=0.01)
    with path.open("rb") as file:
        start, end = ebml.sound_span(file, path.stat().st_size)
    assert 0 < start < 1000
    assert end == path.stat().st_size


@pytest.mark.parametrize("body", [b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3" * 500, b"\x1a\x45\xdf\xa3" + b"\xff" * 4000])
def test_what_only_begins_like_matroska_is_damaged(body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.mka"
    path.write_bytes(body)
    with pytest.raises(Damaged):
        read(path)
    with path.open("rb") as file:
        assert ebml.sound_span(file, len(body)) == (0, len(body))


@pytest.mark.parametrize("clusters", [500, 1_500])
@pytest.mark.parametrize("at", ["whole", "a border", "a head", "a cluster"])
def test_a_file_that_was_cut_anywhere_ends_beyond_itself(clusters: int, at: str) -> None:
    cluster = element(0x1F43B675, bytes(40))
    head = element(0x1A45DFA3, bytes(20))
    whole = head + element(0x18538067, cluster * clusters)
    border = len(whole) - len(cluster) * (clusters // 2)
    end = {"whole": len(whole), "a border": border, "a head": border + 5, "a cluster": border + 30}[at]
    first, last = ebml.sound_span(io.BytesIO(whole[:end]), end)
    assert whole[first : first + 4] == cluster[:4]
    assert (last > end) is (at != "whole")
