"""What is taken out of logs before they are packed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaserver.cli.bundle import changed, without_names

CHANGE = without_names([Path("/srv/music"), Path("/srv/music of anna")])


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("/srv/music is back", "<folder 1> is back"),
        ("3 files of /srv/music/The Band/It's All Over/01.flac", "3 files of <folder 1>"),
        ("[Errno 13] denied: '/srv/music of anna/Hymns/a.mp3'", "[Errno 13] denied: '<folder 2>"),
        ("a worker failed: Hymns/Song of songs.MP3", "a worker failed: <a file>"),
        ('File "/usr/lib/python3/mediaserver/app.py", line 3', 'File "/usr/lib/python3/mediaserver/app.py", line 3'),
        ("GET /api/v1/albums/12 200 34 B", "GET /api/v1/albums/12 200 34 B"),
    ],
)
def test_names_of_music_are_taken_out_and_the_rest_stays(line: str, left: str) -> None:
    assert CHANGE(line) == left


def test_every_text_of_a_value_is_changed() -> None:
    value = {"a": ["x.flac", 1, None, {"b": "/srv/music/x"}], "c": True}
    assert changed(value, CHANGE) == {"a": [" <a file>", 1, None, {"b": "<folder 1>"}], "c": True}
