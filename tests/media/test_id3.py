"""User text frames: what mutagen reads of them, we read as well, whoever wrote them."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any

import pytest
from mutagen.id3 import ID3, TXXX

from mediaserver.media.id3 import FRAMES, user_text

TEXTS = [
    "",
    "a",
    "Band & Co",
    "Ā",
    "ĀĀāa",
    "\u0400Ѐ",
    "東京",
    "𝄞 clef",
    "ends in \u0100",
    "  spaces ",
    "7.50 dB",
    "é" * 300,
]


def written(tags: ID3, version: int, separator: str | None = "/") -> BytesIO:
    file = BytesIO()
    tags.save(file, v2_version=version, v23_sep=separator)
    file.seek(0)
    return file


def read(file: BytesIO, **options: Any) -> list[tuple[str, list[str]]]:
    file.seek(0)
    tags = ID3(file, **options)  # type: ignore[no-untyped-call]
    return sorted(user_text(frame) for frame in tags.values())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("encoding", [0, 1, 2, 3])
@pytest.mark.parametrize("version", [3, 4])
def test_every_encoding_and_number_of_texts_is_read_as_mutagen_reads_it(encoding: int, version: int) -> None:
    chance = random.Random(f"{encoding}/{version}")
    for _ in range(200):
        texts = [text for text in TEXTS if encoding or text.isascii() or text.startswith("é")]
        tags = ID3()  # type: ignore[no-untyped-call]
        for _ in range(chance.randrange(1, 4)):
            values = [chance.choice(texts) for _ in range(chance.randrange(1, 4))]
            values[-1] = values[-1] or "not empty"
            tags.add(TXXX(encoding=encoding, desc=chance.choice(texts), text=values))  # type: ignore[no-untyped-call]
        file = written(tags, version)
        assert read(file, known_frames=FRAMES) == read(file)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", ("", [])),
        (b"\x01", ("", [])),
        (b"\x03name\0value", ("name", ["value"])),
        (b"\x03name\0one\0two\0", ("name", ["one", "two"])),
        (b"\x03name", ("name", [])),
        (b"\x09name\0value", ("name", ["value"])),
        (b"\x01\xff\xfen\0\0\0\xff\xfev\0", ("n", ["v"])),
        (b"\x01\xff\xfen\0\0\0v\0", ("n", ["v"])),
        (b"\x01\xfe\xff\0n\0\0\xfe\xff\0v", ("n", ["v"])),
        (b"\x01\xfe\xff\0n\0\0\0v", ("n", ["v"])),
        (b"\x01\xff\xfen\0\0\0\xff\xfev", ("n", ["\ufffd"])),
        (b"\x02\0n\0\0\0v\0\0", ("n", ["v"])),
        (b"\x03\xff\0\xc3", ("\ufffd", ["\ufffd"])),
    ],
)
def test_what_is_broken_is_read_as_far_as_it_goes(data: bytes, told: tuple[str, list[str]]) -> None:
    assert user_text(FRAMES["TXXX"](data=data)) == told


def test_frames_of_one_name_stand_side_by_side_and_those_of_version_2_2_are_known() -> None:
    tags = ID3()  # type: ignore[no-untyped-call]
    tags.add(TXXX(encoding=3, desc="ARTISTS", text=["A"]))  # type: ignore[no-untyped-call]
    tags.add(TXXX(encoding=3, desc="MOOD", text=["calm"]))  # type: ignore[no-untyped-call]
    assert read(written(tags, 4), known_frames=FRAMES) == [("ARTISTS", ["A"]), ("MOOD", ["calm"])]
    frame = b"TXX" + (11).to_bytes(3, "big") + b"\0ARTISTS\0B\0"
    old = BytesIO(b"ID3\x02\0\0" + bytes([0, 0, 0, len(frame)]) + frame)
    assert read(old, known_frames=FRAMES) == [("ARTISTS", ["B"])]
