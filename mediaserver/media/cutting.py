"""A part of a sound as a sound of its own: an index over the same packets, and a digest of its own. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from mediaserver.core.errors import Damaged
from mediaserver.media import warmup
from mediaserver.media.cuts import Cut
from mediaserver.media.digest import short
from mediaserver.media.packets import PacketIndex

_FORM = 1
"""Raised whenever the same cut would become other samples."""


def cut(index: PacketIndex, start: int, stop: int) -> PacketIndex:
    """Samples `start` to `stop` (exclusive) of a sound: each is what it is in the whole.

    Raises ValueError for nothing, and for a range outside the sound.
    """
    if not 0 <= start < stop <= index.length_samples:
        raise ValueError(f"{start}..{stop} is outside of 0..{index.length_samples}")
    if (start, stop) == (0, index.length_samples):
        return index
    holding, last = warmup.holding(index, start), warmup.behind(index, stop)
    first = _first(index, start)
    if index.file_bytes:
        own_bytes = max(1, index.file_bytes * (stop - start) // index.length_samples)
    else:
        own_bytes = int(index.sizes[holding:last].sum(dtype="int64"))
    return replace(
        index,
        length_samples=stop - start,
        positions=index.positions[first:last],
        sizes=index.sizes[first:last],
        firsts=index.firsts[first:last],
        starts=index.starts[first:last] - start,
        file_bytes=own_bytes,
        is_cut=True,
    )


def of(index: PacketIndex, wanted: Cut) -> PacketIndex:
    """What `wanted` cuts out of a sound. Raises Damaged where it begins beyond the end, or nothing is left of it."""
    start, stop = wanted.at(index.rate_hz)
    stop = index.length_samples if stop is None else min(stop, index.length_samples)
    if start >= stop:
        raise Damaged("the cue sheet has this track begin beyond the end of the sound")
    return cut(index, start, stop)


def digest(whole: str, wanted: Cut) -> str:
    """Of what is cut out of the sound with the digest `whole`; the index need not be there for it."""
    stop = "" if wanted.stop is None else wanted.stop
    text = f"cut/{_FORM}/{whole}/{wanted.start}-{stop}@{wanted.rate_hz}"
    return short(hashlib.sha256(text.encode("ascii")).digest())


def _first(index: PacketIndex, start: int) -> int:
    """The first packet that is kept.

    Where fresh decoders begin at every so manyth packet, they begin at the same ones: whole rounds are left out, and
    one that nobody hears is kept, with whose last packets the next decoder is settled.
    """
    every = warmup.FRESH_EVERY.get(index.decoder)
    if every is not None:
        return max(0, warmup.holding(index, start) // every - 1) * every
    return warmup.first_packet(index, start) if start else 0
