"""Folders of music as they are named on the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mediaserver.cli.surroundings import USAGE, fail
from mediaserver.core.settings import nested


def checked(folders: Sequence[Path], *, is_new: bool) -> list[Path]:
    """The folders, absolute, each once; a wrong one ends the command. To read them is enough: nothing is written.

    Where the library is not new, one that is away is left to `floors.rooms`, which knows whether it had music.
    """
    found = [folder.expanduser() for folder in folders]
    for folder in found:
        if not folder.exists():
            if is_new:
                fail(f"there is no folder {folder}", USAGE)
            continue
        if not folder.is_dir():
            fail(f"{folder} is not a folder", USAGE)
        if not os.access(folder, os.R_OK | os.X_OK):
            fail(f"the folder {folder} may not be read by this user", USAGE)
    absolute = list(dict.fromkeys(folder.resolve() for folder in found))
    wrong = nested(absolute)
    if wrong:
        fail(wrong, USAGE)
    return absolute
