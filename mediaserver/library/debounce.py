"""When a folder that changes is worth a look. Pure: what happened and the time go in, folders come out.

A file is complete when its writer has closed it or it was moved into place; one that is still being written is named,
so that whoever looks at its folder meanwhile leaves it alone. Folders that are never quiet are looked at all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

QUIET_S = 0.5
"""A folder is due when nothing happened in it for so long,"""
AT_MOST_S = 1.0
"""or when a change waits for so long."""
PAIRED_S = 0.1
"""The two ends of a move come so close together: they are looked at in one go."""
ABANDONED_S = 60.0
"""An open file to which nobody has written for so long is taken as it is: some programs keep files open for ever."""


@dataclass(frozen=True, slots=True)
class Due:
    folders: dict[str, bool]
    """Relative folder -> whether everything below it has to be looked at too."""
    writing: frozenset[str]
    """Files, relative, that are not complete."""


@dataclass(slots=True)
class _Waiting:
    is_deep: bool
    first_s: float
    last_s: float

    @property
    def due_s(self) -> float:
        return min(self.last_s + QUIET_S, self.first_s + AT_MOST_S)


@dataclass(slots=True)
class Debouncer:
    """Of one root folder. Paths are relative to it; times are seconds of a monotonic clock."""

    _folders: dict[str, _Waiting] = field(default_factory=dict)
    _writing: dict[str, float] = field(default_factory=dict)
    _left_s: float = float("-inf")

    def touch(self, folder: str, now_s: float, *, is_deep: bool = False) -> None:
        """Something in this folder is not as it was."""
        waiting = self._folders.setdefault(folder, _Waiting(is_deep, now_s, now_s))
        waiting.last_s = now_s
        waiting.is_deep |= is_deep

    def wrote(self, path: str, now_s: float) -> None:
        """A file is being written."""
        self._writing[path] = now_s

    def closed(self, path: str, now_s: float) -> None:
        """A file is complete."""
        self._writing.pop(path, None)
        self.touch(folder_of(path), now_s)

    def changed(self, path: str, now_s: float) -> None:
        """Something about a file is different, and nobody need have written to it: its date, its permissions."""
        if path in self._writing:
            self._writing[path] = now_s
        else:
            self.touch(folder_of(path), now_s)

    def left(self, path: str, now_s: float, *, is_folder: bool) -> None:
        """A file or a folder is here no longer; it may come up elsewhere."""
        below = f"{path}/"
        for one in [one for one in self._writing if one == path or one.startswith(below)]:
            del self._writing[one]
        if is_folder:
            for one in [one for one in self._folders if one.startswith(below)]:
                del self._folders[one]
            self.touch(path, now_s, is_deep=True)
        self.touch(folder_of(path), now_s)
        self._left_s = now_s

    def lost_track(self) -> None:
        """Something was not told, and it may have been that a file is complete."""
        self._writing.clear()

    def take(self, now_s: float) -> Due | None:
        """Everything that waits, once a part of it is due: what belongs together is looked at together."""
        self._abandon(now_s)
        wait_s = self.wait_s(now_s)
        if wait_s is None or wait_s > 0 or not self._folders:
            return None
        folders = {folder: waiting.is_deep for folder, waiting in self._folders.items()}
        self._folders.clear()
        return Due(folders, frozenset(self._writing))

    def wait_s(self, now_s: float) -> float | None:
        """How long nothing can be due, 0 where something is; None where nothing waits."""
        times = [last_s + ABANDONED_S for last_s in self._writing.values()]
        if self._folders:
            due_s = min(waiting.due_s for waiting in self._folders.values())
            oldest_s = min(waiting.first_s for waiting in self._folders.values())
            if now_s < oldest_s + 2 * AT_MOST_S:
                due_s = max(due_s, self._left_s + PAIRED_S)
            times.append(due_s)
        return max(0.0, min(times) - now_s) if times else None

    def _abandon(self, now_s: float) -> None:
        for path in [path for path, last_s in self._writing.items() if now_s - last_s >= ABANDONED_S]:
            self.closed(path, now_s)
            self._folders[folder_of(path)].first_s = now_s - AT_MOST_S


def folder_of(path: str) -> str:
    """ "" for what lies in the root itself."""
    return path.rpartition("/")[0]
