"""An original is called and typed by what it holds."""

from __future__ import annotations

import pytest

from mediaserver.streaming import originals


@pytest.mark.parametrize(
    ("path", "held", "name", "media_type"),
    [
        ("/m/a b.mp3", "mp3", "a-b.mp3", "audio/mpeg"),
        ("/m/a.mp3", "flac", "a.flac", "audio/flac"),
        ("/m/a.flac", "mp3", "a.mp3", "audio/mpeg"),
        ("/m/a.mp3", "mp4", "a.m4a", "audio/mp4"),
        ("/m/a.flac", "vorbis", "a.ogg", "audio/ogg"),
        ("/m/a.OPUS", "opus", "a.opus", "audio/ogg"),
        ("/m/a.aac", "mp4", "a.m4a", "audio/mp4"),
        ("/m/a.mp2", "mp3", "a.mp2", "audio/mpeg"),
        ("/m/a.wv", "", "a.wv", "audio/x-wavpack"),
    ],
)
def test_the_suffix_and_the_type_are_those_of_its_contents(path: str, held: str, name: str, media_type: str) -> None:
    assert originals.file_name(path, held) == name
    assert originals.media_type_of(path, held) == media_type
    assert originals.may_be_named(path, name)
