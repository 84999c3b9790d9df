"""What is told of a sound: by one pass over its file, and of the parts that cue sheets cut out of it by that too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mediaserver.core.errors import Damaged
from mediaserver.core.units import Digest
from mediaserver.media import cuts, cutting, packets
from mediaserver.media.packets import PacketIndex
from mediaserver.sound.sidefiles import SoundFile


@dataclass(frozen=True, slots=True)
class Surveyed:
    file: SoundFile
    digest: str
    codec: str
    packed: bytes
    """Of the index; `packets.waiting` where a side file has to be made for it."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound and a file that holds it now: alone, or as a part of it."""

    digest: Digest
    path: str
    """Where its packets are read: the file itself or its side file."""
    index: PacketIndex
    packed: bytes
    """`index`, as it travels to workers."""
    file: str
    """The file itself, and below how it looked when it was indexed."""
    size_bytes: int
    mtime_ns: int
    piece: str = ""
    """What is meant of the file, as `SoundFile` has it."""

    @property
    def looked(self) -> SoundFile:
        return SoundFile(self.file, self.size_bytes, self.mtime_ns, self.piece)


def surveyed(path: str) -> Surveyed:
    """In a worker, which alone loads PyAV. Size and time are taken first, so that a change meanwhile is noticed."""
    from mediaserver.media.probe import survey

    status = Path(path).stat()
    found = survey(path)
    packed = found.index.packed() if found.index is not None else packets.waiting(found.codec)
    return Surveyed(SoundFile(path, status.st_size, status.st_mtime_ns), found.digest, found.codec, packed)


def cut_out(whole: Surveyed, piece: str) -> Surveyed:
    """The part `piece` of the sound `whole`, for which the file is not read again: as long as a side file is waited
    for, it is too. Raises Damaged where it is no part of it.
    """
    cut = cuts.cut_in(piece)
    if cut is None:
        raise Damaged("there is no such part of a file")
    digest, packed = cutting.digest(whole.digest, cut), whole.packed
    if packed != packets.waiting(whole.codec):
        index = PacketIndex.unpacked(packed)
        if index.side:
            index = replace(index, file_bytes=whole.file.size_bytes)
        packed = cutting.of(index, cut).packed()
    return Surveyed(replace(whole.file, piece=piece), digest, whole.codec, packed)
