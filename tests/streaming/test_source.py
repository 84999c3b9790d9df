"""Of what a segment is made, as a worker gets it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from mediaserver.core.errors import Damaged
from mediaserver.media.probe import index_file
from mediaserver.sound.sidefiles import SoundFile
from mediaserver.streaming.source import Source
from tests import audio


def test_the_index_of_a_sound_is_unpacked_once_for_many_segments(tmp_path: Path) -> None:
    index, _ = index_file(str(audio.write(tmp_path / "x.mp3")))
    travelled = pickle.dumps(Source("x.mp3", index.packed(), SoundFile("x.mp3", 0, 0)))
    one, other = pickle.loads(travelled), pickle.loads(travelled)
    assert one.index is other.index
    assert one.index.length_samples == index.length_samples
    with pytest.raises(Damaged):
        _ = Source("x.mp3", b"no index", SoundFile("x.mp3", 0, 0)).index
