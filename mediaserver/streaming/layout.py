"""Where everything lies in a progressive stream, and which parts a range of bytes is made of. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mediaserver.core.errors import Damaged

Places = Sequence[int] | npt.NDArray[np.int64]


class Layout(Protocol):
    """A head, and chunks behind it that are made or read one by one."""

    @property
    def head(self) -> bytes: ...

    @property
    def chunks(self) -> range:
        """Their numbers; at least one."""

    def start(self, n: int) -> int:
        """Where chunk `n` begins; for `chunks.stop`, the end of the stream. Ascending."""

    def framed(self, n: int, made: bytes) -> bytes:
        """Chunk `n` as it stands in the stream, of what the encoder made or the file holds."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Chunks of sizes that are known one by one."""

    head: bytes
    ends: Sequence[int]
    """Where each chunk ends, counted from the first."""

    @property
    def chunks(self) -> range:
        return range(len(self.ends))

    def start(self, n: int) -> int:
        return len(self.head) + (int(self.ends[n - 1]) if n else 0)

    def framed(self, n: int, made: bytes) -> bytes:
        return made


def chunk_ends(ends: Places, per_chunk: int) -> list[int]:
    """Of the ends of all frames, those of every chunk."""
    return [int(ends[min(at + per_chunk, len(ends)) - 1]) for at in range(0, len(ends), per_chunk)]


def size_bytes(layout: Layout) -> int:
    return layout.start(layout.chunks.stop)


def parts(layout: Layout, span: range) -> Iterator[tuple[int | None, range]]:
    """Of what the bytes `span` are made, in order: which chunk (None: the head), and which bytes of it as it stands
    in the stream."""
    head = range(span.start, min(span.stop, len(layout.head)))
    if head:
        yield None, head
    at = max(span.start, len(layout.head))
    chunks = layout.chunks
    while at < span.stop:
        n = chunks[bisect_right(chunks, at, key=layout.start) - 1]
        begin, end = layout.start(n), layout.start(n + 1)
        yield n, range(at - begin, min(span.stop, end) - begin)
        at = end


def cut(layout: Layout, n: int, made: bytes, part: range) -> bytes:
    """These bytes of chunk `n`. Raises Damaged where it is not as long as was promised: a length was told already."""
    framed = layout.framed(n, made)
    if len(framed) != layout.start(n + 1) - layout.start(n):
        raise Damaged("a part of the stream is not as long as it has to be")
    return framed[part.start : part.stop]
