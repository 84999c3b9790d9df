"""inotify watches on a root folder and all below, by a descriptor of its own; what changes is told from its thread.

Setting a watch and listing a folder ask its disk, and may hang with it: nothing here is shared with another root, and
nobody but these threads waits for them. watchdog's own recursive observer keeps running out of watches, overflows and
unmounting to itself, which is just what has to be known here: docs/decisions/0014.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import threading
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

from mediaserver.library.walk import AUDIO_SUFFIXES, DEEPEST, IGNORE_MARK, SHEET_SUFFIX, is_utf8
from mediaserver.media.pictures import folder_cover

IN = InotifyConstants
_MASK = Mask(
    IN.IN_CREATE | IN.IN_MODIFY | IN.IN_CLOSE_WRITE | IN.IN_ATTRIB | IN.IN_DELETE | IN.IN_DELETE_SELF
    | IN.IN_MOVED_FROM | IN.IN_MOVED_TO | IN.IN_MOVE_SELF | IN.IN_ONLYDIR
)  # fmt: skip
_REPEAT_S = 0.2  # a large copy writes thousands of times
_numbers = itertools.count(1)

Kind = Literal["writing", "closed", "changed", "left", "folder", "folder-left", "overflow", "away", "out-of-watches"]


class Change(NamedTuple):
    kind: Kind
    path: str
    """Relative to the root; "" where the root itself is meant."""


def is_of_interest(name: str) -> bool:
    """Whether a file of this name can be music, a cue sheet or a cover."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
    return suffix in AUDIO_SUFFIXES or suffix == SHEET_SUFFIX or folder_cover([name]) is not None


class Watches:
    """Of one root. `tell` is called from several threads and must not block."""

    def __init__(self, root: str, tell: Callable[[Change], None]) -> None:
        """Asks no disk. Raises OSError: EMFILE where no instance of inotify is to be had."""
        self._descriptor = InotifyFD()
        self._descriptor.start()
        self._root = root
        self._tell = tell
        self._id = CallbackId(next(_numbers))
        self._lock = threading.RLock()
        self._paths: dict[WatchDescriptor, str] = {}
        self._by_path: dict[str, WatchDescriptor] = {}
        self._nodes: dict[tuple[int, int], str] = {}
        self.is_abandoned = False
        self._last = Change("changed", "")
        self._last_s = 0.0
        self._beat: Callable[[], object] = lambda: None

    @property
    def count(self) -> int:
        return len(self._paths)

    def plant(self, beat: Callable[[], object] = lambda: None) -> int:
        """Watch everything; returns the number of folders. Raises OSError: ENOSPC where there are no watches left.

        `beat` is called for each folder.
        """
        self._beat = beat
        with self._lock:
            self._plant("", 0)
            return len(self._paths)

    def abandon(self) -> None:
        """Tell nothing from now on, and plant no further. Waits for nobody."""
        self.is_abandoned = True

    def close(self) -> None:
        """Abandon them and give all watches back. Waits for the disk where it is being asked."""
        self.abandon()
        with self._lock:  # nobody adds to a descriptor that is closed: its number may be another's by then
            self._descriptor.stop()

    # What the descriptor's thread calls ------------------------------------------------------------------------------

    def on_event(self, event: InotifyEvent) -> None:
        if self.is_abandoned:
            return
        with self._lock:
            folder = self._paths.get(event.wd)
            if folder is None or self.is_abandoned:
                return
            try:
                self._on_event(folder, event)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    self._send(Change("out-of-watches", ""))
                # else the folder is gone already, and its going is told too

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        if self.is_abandoned:
            return
        with self._lock:
            path = self._paths.pop(wd, None)
            if path is None or self.is_abandoned:
                return
            if self._by_path.get(path) == wd:
                del self._by_path[path]
                self._nodes = {node: one for node, one in self._nodes.items() if one != path}
            if path == "":
                self._send(Change("away", ""))

    def on_queue_overflow(self) -> None:
        self._send(Change("overflow", ""))

    # ---------------------------------------------------------------------------------------------------------------

    def _on_event(self, folder: str, event: InotifyEvent) -> None:
        mask = event.mask
        if mask & IN.IN_UNMOUNT or (folder == "" and mask & (IN.IN_DELETE_SELF | IN.IN_MOVE_SELF)):
            self._send(Change("away", ""))
            return
        if not event.name:
            return  # of a folder itself: the one above tells it too
        name = os.fsdecode(event.name)
        path = f"{folder}/{name}" if folder else name
        if name == IGNORE_MARK:
            self._remove(folder, but_itself=True)
            self._plant(folder, folder.count("/") + bool(folder))
            self._send(Change("folder", folder))
        elif name.startswith("."):
            return  # also what rsync and others write before they move it into place
        elif not is_utf8(path):
            self._send(Change("changed", path))
        elif mask & IN.IN_ISDIR:
            self._on_folder(path, mask)
        elif not is_of_interest(name) and not (mask & IN.IN_CREATE):
            return  # logs and the like, which may be written for ever
        elif mask & (IN.IN_DELETE | IN.IN_MOVED_FROM):
            self._send(Change("left", path))
        elif mask & (IN.IN_CLOSE_WRITE | IN.IN_MOVED_TO):
            self._send(Change("closed", path))
        elif mask & IN.IN_MODIFY:
            self._send(Change("writing", path))
        elif mask & IN.IN_CREATE:
            self._on_created(path)
        else:
            self._send(Change("changed", path))

    def _on_created(self, path: str) -> None:
        """A new file is open for writing; a link is not, and may be a folder."""
        full = f"{self._root}/{path}"
        status = os.lstat(full)
        if stat.S_ISLNK(status.st_mode) and os.path.isdir(full):  # noqa: PTH112
            self._on_folder(path, IN.IN_CREATE)
        elif not is_of_interest(path):
            return
        elif stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            self._send(Change("writing", path))
        else:
            self._send(Change("closed", path))

    def _on_folder(self, path: str, mask: int) -> None:
        if mask & (IN.IN_DELETE | IN.IN_MOVED_FROM):
            self._remove(path)
            self._send(Change("folder-left", path))
            return
        try:
            # First the watches, then the look: what lands between is seen by one of them.
            self._plant(path, path.count("/") + 1)
        finally:
            self._send(Change("folder", path))

    def _plant(self, folder: str, depth: int) -> None:
        """Watch `folder` and what is below, in the order and by the rules of `walk`."""
        if self.is_abandoned:
            return
        self._beat()
        full = f"{self._root}/{folder}" if folder else self._root
        try:
            wd = self._by_path.get(folder)
            if wd is None:
                wd = self._add(full, folder)
            with os.scandir(full) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if not folder or error.errno == errno.ENOSPC:
                raise
            return  # gone, or not to be looked into: the walk tells
        if wd is None or depth >= DEEPEST or any(entry.name == IGNORE_MARK for entry in entries):
            return
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not entry.name.startswith(".") and is_utf8(path) and entry.is_dir():
                self._plant(path, depth + 1)

    def _add(self, full: str, folder: str) -> WatchDescriptor | None:
        """None where the folder was reached another way already, or may not be watched."""
        status = os.stat(full)  # noqa: PTH116 (of what a link leads to)
        node = (status.st_dev, status.st_ino)
        if self._nodes.get(node, folder) != folder:
            return None
        wd = self._descriptor.add_callback(os.fsencode(full), _MASK, self, self._id)
        if wd == -1:  # watchdog passes over EACCES
            return None
        self._nodes[node] = folder
        self._paths[wd] = folder
        self._by_path[folder] = wd
        return wd

    def _remove(self, folder: str, *, but_itself: bool = False) -> None:
        below = f"{folder}/" if folder else ""
        doomed = [path for path in self._by_path if path != folder and path.startswith(below)]
        if not but_itself and folder in self._by_path:
            doomed.append(folder)
        wds = [self._by_path.pop(path) for path in doomed]
        for wd in wds:
            self._paths.pop(wd, None)
        if doomed:
            lost = set(doomed)
            self._nodes = {node: path for node, path in self._nodes.items() if path not in lost}
        self._descriptor.remove_callbacks([(wd, self._id) for wd in wds])

    def _send(self, change: Change) -> None:
        if self.is_abandoned:
            return
        now_s = time.monotonic()
        if change.kind == "writing" and change == self._last and now_s - self._last_s < _REPEAT_S:
            return
        self._last, self._last_s = change, now_s
        self._tell(change)
