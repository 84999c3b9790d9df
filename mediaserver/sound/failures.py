"""Which files could not be read, so that they are not tried again and again. In memory: a new start tries each once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from mediaserver.core.clock import Clock
from mediaserver.sound.sidefiles import SoundFile

_REMEMBERED = 20_000
_REFUSED_S = 60.0


@dataclass(frozen=True, slots=True)
class _Failure:
    file: SoundFile
    reason: str
    at_s: float


class Failures:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_path: OrderedDict[str, _Failure] = OrderedDict()
        self._doubted: OrderedDict[str, SoundFile] = OrderedDict()

    def note(self, file: SoundFile, reason: str) -> None:
        self._by_path.pop(file.place, None)
        self._by_path[file.place] = _Failure(file, reason, self._clock.monotonic_s())
        while len(self._by_path) > _REMEMBERED:
            self._by_path.popitem(last=False)

    def is_first(self, file: SoundFile) -> bool:
        """Whether a failure that may have been the system's is this file's first; from now on it is not."""
        if self._doubted.get(file.place) == file:
            return False
        self._doubted[file.place] = file
        while len(self._doubted) > _REMEMBERED:
            self._doubted.popitem(last=False)
        return True

    def knows(self, file: SoundFile) -> bool:
        """Whether this file failed and has not changed since."""
        return self.why(file) is not None

    def why(self, file: SoundFile) -> str | None:
        """Why it failed; None where it did not, or has changed since."""
        failure = self._by_path.get(file.place)
        return failure.reason if failure is not None and failure.file == file else None

    def recent(self, file: SoundFile) -> str | None:
        """Why it failed, where that was within the last minute: a listener may try again after that."""
        failure = self._by_path.get(file.place)
        if failure is None or failure.file != file:
            return None
        return failure.reason if self._clock.monotonic_s() - failure.at_s < _REFUSED_S else None
