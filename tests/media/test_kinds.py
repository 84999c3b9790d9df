"""What a file's name promises is told once, and the rooms agree on it."""

from __future__ import annotations

from mediaserver.library.walk import AUDIO_SUFFIXES
from mediaserver.media.kinds import KINDS
from mediaserver.streaming import originals


def test_every_scanned_suffix_has_a_media_type_and_a_container() -> None:
    assert frozenset(KINDS) == AUDIO_SUFFIXES
    for suffix, kind in KINDS.items():
        assert originals.media_type_of(f"/music/A{suffix.upper()}", "") == kind.media_type
        assert kind.media_type.startswith("audio/")
        assert kind.containers
    assert originals.media_type_of("/music/a.exe", "") == "application/octet-stream"
