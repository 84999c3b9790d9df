"""Which files could not be read, so that they are not tried again and again. In memory: a new start tries each once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from mediaserver.core.clock import Clock

_REMEMBERED = 20_000
_REFUSED_S = 60.0


@dataclass(frozen=True, slots=True)
class _Failure:
    size_bytes: int
    mtime_ns: int
    reason: str
    at_s: float


class Failures:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_path: OrderedDict[str, _Failure] = OrderedDict()
        self._doubted: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def note(self, path: str, size_bytes: int, mtime_ns: int, reason: str) -> None:
        self._by_path.pop(path, None)
        self._by_path[path] = _Failure(size_bytes, mtime_ns, reason, self._clock.monotonic_s())
        while len(self._by_path) > _REMEMBERED:
            self._by_path.popitem(last=False)

    def is_first(self, path: str, size_bytes: int, mtime_ns: int) -> bool:
        """Whether a failure that may have been the system's is this file's first; from now on it is not."""
        look = (size_bytes, mtime_ns)
        if self._doubted.get(path) == look:
            return False
        self._doubted[path] = look
        while len(self._doubted) > _REMEMBERED:
            self._doubted.popitem(last=False)
        return True

    def knows(self, path: str, size_bytes: int, mtime_ns: int) -> bool:
        """Whether this file failed and has not changed since."""
        failure = self._by_path.get(path)
        return failure is not None and (failure.size_bytes, failure.mtime_ns) == (size_bytes, mtime_ns)

    def recent(self, path: str, size_bytes: int, mtime_ns: int) -> str | None:
        """Why it failed, where that was within the last minute: a listener may try again after that."""
        failure = self._by_path.get(path)
        if failure is None or not self.knows(path, size_bytes, mtime_ns):
            return None
        return failure.reason if self._clock.monotonic_s() - failure.at_s < _REFUSED_S else None
