"""What cue sheets say, as rippers write them and as nobody should."""

from __future__ import annotations

import random
import time

import pytest

from mediaserver.core.errors import Damaged
from mediaserver.media import cuesheet
from mediaserver.media.cuesheet import Sheet

EAC = """REM GENRE "Krautrock"
REM DATE 1974
REM DISCID 8B0A1C0B
REM COMMENT "ExactAudioCopy v1.3"
REM DISCNUMBER 2
REM REPLAYGAIN_ALBUM_GAIN -6.20 dB
PERFORMER "Die Gruppe"
TITLE "Grün"
FILE "Die Gruppe - Grün.wav" WAVE
  TRACK 01 AUDIO
    TITLE "Auf"
    FLAGS DCP
    ISRC DEABC7400001
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    TITLE "Ab (\"live\")"
    PERFORMER "Die Gruppe & Gäste"
    REM REPLAYGAIN_TRACK_GAIN -5.00 dB
    INDEX 00 04:10:10
    INDEX 01 04:12:33
  TRACK 03 AUDIO
    TITLE "Aus"
    PREGAP 00:02:00
    INDEX 01 100:00:74
"""


def refused(text: str | bytes) -> str:
    with pytest.raises(Damaged) as told:
        cuesheet.parsed(text if isinstance(text, bytes) else text.encode())
    return str(told.value)


def sheet_of(*files: str) -> Sheet:
    """Of two tracks in each of these files."""
    numbers = iter(range(1, 100))
    return cuesheet.parsed(
        "\n".join(
            f'FILE "{file}" WAVE\nTRACK {next(numbers):02d} AUDIO\nINDEX 01 00:00:00\n'
            f"TRACK {next(numbers):02d} AUDIO\nINDEX 01 00:05:00"
            for file in files
        ).encode()
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_sheet_tells_of_an_album_and_its_tracks_in_whatever_letters(encoding: str) -> None:
    sheet = cuesheet.parsed(EAC.replace("\n", "\r\n").encode(encoding))
    assert sheet.tags == {
        "genre": "Krautrock",
        "date": "1974",
        "discnumber": "2",
        "replaygain_album_gain": "-6.20 dB",
        "artist": "Die Gruppe",
        "title": "Grün",
    }
    (section,) = sheet.sections
    assert section.file == "Die Gruppe - Grün.wav"
    assert [(one.number, one.start) for one in section.tracks] == [(1, 0), (2, (4 * 60 + 12) * 75 + 33), (3, 450_074)]
    assert section.tracks[1].tags == {
        "title": 'Ab ("live")',
        "artist": "Die Gruppe & Gäste",
        "replaygain_track_gain": "-5.00 dB",
    }


def test_bytes_that_no_encoding_of_windows_has_are_read_all_the_same() -> None:
    assert cuesheet.parsed(EAC.encode("cp1252").replace(b"Auf", b"A\x81\xff")).sections[0].tracks[0].tags["title"]


def test_the_gap_before_a_track_may_lie_in_the_file_before() -> None:
    """As rippers write it that make one file of each track and keep the gaps."""
    sheet = cuesheet.parsed(
        b'FILE "1.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nINDEX 00 03:00:00\n'
        b'FILE "2.wav" WAVE\nINDEX 01 00:00:00\n'
    )
    assert [[one.number for one in section.tracks] for section in sheet.sections] == [[1], [2]]


def test_tracks_of_data_are_not_heard() -> None:
    sheet = cuesheet.parsed(
        b'FILE "a.bin" BINARY\nTRACK 01 MODE1/2352\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nINDEX 01 00:02:00\n'
    )
    assert [one.number for one in sheet.sections[0].tracks] == [2]


@pytest.mark.parametrize(
    ("named", "sheet_name", "file", "fits"),
    [
        ("album.wav", "x.cue", "album.wav", 3),
        ("ALBUM.WAV", "x.cue", "album.wav", 3),
        ("Gr\u00fcn.wav", "x.cue", "Gru\u0308n.flac", 2),
        ("album.wav", "x.cue", "album.flac", 2),
        (r"D:\rips\album.wav", "x.cue", "album.flac", 2),
        ("/home/me/album.flac", "x.cue", "album.flac", 3),
        ("./album.flac", "x.cue", "album.flac", 3),
        ("CDImage.wav", "album.cue", "album.flac", 1),
        ("CDImage.wav", "album.flac.cue", "album.flac", 1),
        ("CDImage.wav", "other.cue", "album.flac", 0),
        ("../album.flac", "x.cue", "album.flac", 0),
        ("CD1/album.flac", "x.cue", "album.flac", 0),
        (r"..\..\album.flac", "x.cue", "album.flac", 0),
        ("", "x.cue", ".flac", 0),
    ],
)
def test_a_sheet_is_of_the_file_that_it_names_in_its_own_folder(
    named: str, sheet_name: str, file: str, fits: int
) -> None:
    found = cuesheet.fit(sheet_of(named), sheet_name, file)
    assert (found[0] if found is not None else 0) == fits


def test_the_best_of_several_files_is_taken_and_a_sheets_own_name_says_nothing_of_them() -> None:
    two = sheet_of("a.wav", "a.flac")
    found = cuesheet.fit(two, "x.cue", "a.flac")
    assert found is not None and found[1] is two.sections[1]
    assert cuesheet.fit(two, "b.cue", "b.flac") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no FILE"),
        ("just text", "no FILE"),
        ('FILE "a.wav" WAVE', "no FILE with a TRACK"),
        ("TRACK 01 AUDIO\nINDEX 01 00:00:00", "line 1: a track without a file"),
        ('FILE "a.wav" WAVE\nINDEX 01 00:00:00', "line 2: no index"),
        ('FILE "a.wav" WAVE\nTRACK 01 AUDIO', "track 1 has no INDEX 01"),
        ('FILE "a.wav" WAVE\nTRACK 01 AUDIO\nTRACK 02 AUDIO\nINDEX 01 00:00:00', "track 1 has no INDEX 01"),
        ('FILE "a.wav" WAVE\nTRACK 00 AUDIO', "line 2: no track has such a number"),
        ('FILE "a.wav" WAVE\nTRACK 1000 AUDIO', "line 2: no track has such a number"),
        (f'FILE "a.wav" WAVE\nTRACK {"9" * 5000} AUDIO', "line 2: no track has such a number"),
        ('FILE "a.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:60:00', "line 3: no index"),
        ('FILE "a.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:75', "line 3: no index"),
        (f'FILE "a.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 {"9" * 5000}:00:00', "line 3: no index"),
        ('FILE "a.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 -1:00:00', "line 3: no index"),
        ('FILE "a.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\nINDEX 01 00:01:00', "line 4: the track begins twice"),
        (
            'FILE "a.wav" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:05:00\nTRACK 02 AUDIO\nINDEX 01 00:05:00',
            "track 2 begins no later than track 1",
        ),
        (
            'FILE "a.wav" WAVE\nTRACK 02 AUDIO\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nINDEX 01 00:05:00',
            "track 2 comes after track 2",
        ),
        (b"\x7fELF\0\0\0\1", "not text"),
        (b" " * (cuesheet.MOST_BYTES + 1), "larger"),
    ],
)
def test_what_is_no_sheet_is_refused_with_its_reason(text: str | bytes, reason: str) -> None:
    assert reason in refused(text)


def test_ten_thousand_tracks_are_refused() -> None:
    many = "\n".join(f"TRACK {n} AUDIO\nINDEX 01 {n // 60:02d}:{n % 60:02d}:00" for n in range(1, 10_001))
    assert "line 2000: no track has such a number" in refused(f'FILE "a.wav" WAVE\n{many}')


def test_whatever_comes_is_a_sheet_or_refused_and_soon() -> None:
    """Random bytes, sheets with some bytes exchanged, and long lines of what slows parsers down."""
    chance = random.Random(11)
    good = EAC.encode()
    began_s = time.process_time()
    for n in range(400):
        data = bytearray(chance.randbytes(chance.randrange(600)) if n % 4 == 0 else good)
        for _ in range(chance.randrange(8)):
            if data:
                at = chance.randrange(len(data))
                data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
        try:
            sheet = cuesheet.parsed(bytes(data))
        except Damaged:
            continue
        assert all(one.number > 0 and one.start is not None for section in sheet.sections for one in section.tracks)
    for piece in (
        b" ",
        b'"',
        b"\t",
        b"FILE ",
        b"\\",
        b"/",
        b"0",
        b'FILE "a" WAVE\n',
        b"REM GENRE \n",
        b"INDEX 01 0:0:0 ",
    ):
        for head in (b"", b"FILE ", b'FILE "a" WAVE\nTRACK ', b'FILE "a" WAVE\nTRACK 01 AUDIO\nINDEX '):
            data = head + piece * ((cuesheet.MOST_BYTES - 100) // len(piece))
            try:
                cuesheet.fit(cuesheet.parsed(data), "x.cue", "a.flac")
            except Damaged:
                continue
    assert time.process_time() - began_s < 20
