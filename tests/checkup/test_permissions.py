"""Who may read and write the data directory, and whether the music can be read."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mediaserver.checkup import permissions
from mediaserver.checkup.findings import State
from mediaserver.checkup.permissions import Place, Readable

DATA = Path("/srv/it's data")


def inside(mode: int, owner: int = 1000) -> list[Place]:
    return [Place(DATA / "mediaserver.db", mode, owner)]


@pytest.mark.parametrize(
    ("place", "others", "me", "state", "word"),
    [
        (Place(DATA, 0o700, 1000), inside(0o600), 1000, "ok", "alone"),
        (Place(DATA, 0o700, 1000), inside(0o644), 1000, "ok", "alone"),  # nobody comes so far
        (Place(DATA, 0o755, 1000), inside(0o644), 1000, "bad", "mediaserver.db"),
        (Place(DATA, 0o755, 1000), inside(0o600), 1000, "warning", "look into"),
        (Place(DATA, 0o777, 1000), inside(0o600), 1000, "bad", "may write"),
        (Place(DATA, 0o700, 1000), inside(0o600), 1001, "bad", "belongs to"),
        (Place(DATA, 0o700, 1000), inside(0o600, owner=0), 0, "bad", "does not belong"),
        (Place(DATA, 0o700, 1000), inside(0o600), 0, "ok", "alone"),
        (None, [], 1000, "ok", "first start"),
    ],
)
def test_a_data_directory_is_for_its_owner_alone(
    place: Place | None, others: list[Place], me: int, state: State, word: str
) -> None:
    found = permissions.judged_data_dir(DATA, place, others, me=me, is_writable=True)
    assert (found.state, word in found.told) == (state, True), found
    assert bool(found.remedy) == (state != "ok")


def test_remedies_quote_names_for_the_shell() -> None:
    found = permissions.judged_data_dir(DATA, Place(DATA, 0o777, 1000), [], me=1000, is_writable=True)
    assert found.remedy == """chmod 700 '/srv/it'"'"'s data'"""


def test_music_that_cannot_be_read_is_named() -> None:
    root = Path("/srv/music")
    refused = permissions.judged_music(1, root, Readable(3, ("Hymns", "b/c.mp3", "d"), True))
    assert (refused.state, "3 in it may not be read, as /srv/music/Hymns" in refused.told) == ("warning", True)
    assert permissions.judged_music(1, root, FileNotFoundError(errno.ENOENT, "x")).state == "bad"
    closed = permissions.judged_music(2, root, PermissionError(errno.EACCES, "x"))
    assert (closed.state, "permission denied" in closed.told, "chmod -R a+rX" in closed.remedy) == ("bad", True, True)


def test_a_real_folder_is_looked_through(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.mp3").touch()
    (tmp_path / "a" / "circle").symlink_to(tmp_path)
    found, folders = permissions.music(1, tmp_path)
    assert (found.state, folders) == ("ok", 3)
    assert permissions.music(1, tmp_path / "none")[0].state == "bad"
