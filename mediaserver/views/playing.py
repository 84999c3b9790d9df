"""What a person may play, and under which addresses."""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from mediaserver.accounts.addresses import Addresses
from mediaserver.accounts.permits import Viewer
from mediaserver.catalog.shapes import TrackFile
from mediaserver.catalog.tracks import Tracks
from mediaserver.core.errors import Gone, NotFound, Unavailable
from mediaserver.core.folders import Folders
from mediaserver.core.passing import is_passing, passed
from mediaserver.core.units import TrackId
from mediaserver.sound.index import SoundFile, Sounds
from mediaserver.streaming import originals
from mediaserver.streaming.abilities import UNKNOWN, Abilities
from mediaserver.streaming.ladder import RANK_ORIGINAL
from mediaserver.streaming.segments import Segments
from mediaserver.streaming.shapes import FLAT, Shape
from mediaserver.views.offered import Offered, Signer

CanBeNight = Callable[[Collection[str]], Awaitable[bool]]
"""Whether of the sounds of all these digests is known what is made for the night."""


@dataclass(frozen=True, slots=True)
class Playback:
    """Signed addresses, paths on this server; they need no header and die with the session or token."""

    hls: dict[str, str]
    """A multivariant playlist for each codec family that this sound and this person may have."""
    dash: str | None
    """The manifest of all of them; None where there is none."""
    stream: dict[str, str]
    """The whole track as one stream, the best of each format of `progressive.FILES` that sound and person may have."""
    direct: str | None
    """The original file; None where the person's permit stops below it, and of a track that a cue sheet cuts out of a
    file, which holds others too."""
    offers: tuple[Offered, ...]
    """All of these in the order that suits the player, each with a reason; the file itself only as it is."""
    duration_ms: int
    shape: Shape
    """In which all but the file itself are."""


@dataclass(frozen=True, slots=True)
class Original:
    """A file of the version that an address names, open: who has it closes it."""

    file: BinaryIO
    looked: SoundFile
    content_type: str
    folders: Folders

    async def read(self, count: int, at: int) -> bytes | None:
        """That many bytes; None where the file is of another version by now. Raises OSError and FolderAway."""
        return await self.folders.ask(self.looked.path, self._read, count, at)

    def close(self) -> None:
        """Without waiting: a disk that does not answer may hold even this."""
        self.folders.later(self.looked.path, self.file.close)

    def _read(self, count: int, at: int) -> bytes | None:
        body = os.pread(self.file.fileno(), count, at)
        is_unchanged = self.looked.looks_like(os.fstat(self.file.fileno()))
        return body if len(body) == count and is_unchanged else None


class Playing:
    def __init__(
        self, tracks: Tracks, sounds: Sounds, segments: Segments, addresses: Addresses, can_be_night: CanBeNight
    ) -> None:
        self._can_be_night = can_be_night
        self._tracks = tracks
        self._sounds = sounds
        self._segments = segments
        self._addresses = addresses

    async def playback(
        self, viewer: Viewer, track_id: TrackId, player: Abilities = UNKNOWN, shape: Shape = FLAT
    ) -> Playback:
        """Indexes the sound if nobody did before. Raises NotFound (no such track, or missing) and Damaged.

        For the night it is shaped once it is measured, and until then by its gain alone. FolderAway where the disk of
        the file is not there or does not answer, as everywhere here.
        """
        file = await self._tracks.file(track_id)
        found = await self._sounds.of_file(file.path)
        if shape.is_night and not await self._can_be_night([found.digest]):
            shape = replace(shape, is_night=False)
        sound, ladder = await self._segments.shaped(found, shape)
        duration_ms = round(sound.index.length_samples * 1000 / sound.index.rate_hz)
        signer = Signer(ladder, self._addresses, viewer, sound.digest, duration_ms)
        original = None
        if viewer.max_rank >= RANK_ORIGINAL and not sound.piece:
            size_bytes, mtime_ns, held = await self._look(file)
            original = f"{originals.recipe(size_bytes, mtime_ns)}/{originals.file_name(file.path, held)}"
        signed = signer.signed(sound, player, original=original if shape.is_flat else None, is_shaped=not shape.is_flat)
        direct = f"{signer.prefix(viewer.max_rank)}/{original}" if original else None
        return Playback(signed.hls, signed.dash, signed.stream, direct, signed.offers, duration_ms, shape)

    async def original(self, digest: str, version: str, file: str) -> Original:
        """The file behind a checked address. Raises NotFound, and Gone where no file of this version is there;
        Unavailable where it cannot be read now.
        """
        files = await self._sounds.files_of(digest)
        wholes = [one for one in files if not one.piece]
        if files and not wholes:
            raise NotFound("there is nothing at this address")
        same = [one for one in wholes if originals.recipe(one.size_bytes, one.mtime_ns).hash == version]
        named = [one for one in same if originals.may_be_named(one.path, file)]
        folders, away, failure = self._sounds.folders, "", None
        for one in list(named):
            try:
                opened, held = await folders.ask(one.path, _opened, one)
            except Unavailable as error:  # another copy may be sound
                failure = failure or error
                continue
            if opened is None:
                away = away or one.path
                continue
            if originals.file_name(one.path, held) == file:
                return Original(opened, one, originals.media_type_of(one.path, held), folders)
            folders.later(one.path, opened.close)
            named.remove(one)
        if same and not named:
            raise NotFound("there is nothing at this address")
        if away:
            await folders.check(away)
        if failure is not None:
            raise failure
        raise Gone("the file behind this address has changed or left")

    async def _look(self, file: TrackFile) -> tuple[int, int, str]:
        """Its size, its time in ns, and what it holds."""
        try:
            return await self._sounds.folders.ask(file.path, originals.look, file.path)
        except OSError as error:
            await self._sounds.folders.check(file.path)
            raise passed(error) if is_passing(error) else NotFound("the file is missing") from error


def _opened(one: SoundFile) -> tuple[BinaryIO | None, str]:
    """The file, if what was opened looks as it did when it was indexed, and what it holds.

    Raises Unavailable where it cannot be read now and may be another time.
    """
    file: BinaryIO | None = None
    is_given = False
    try:
        # Without waiting: where a file stood, a pipe may stand now.
        descriptor = os.open(one.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        file = cast(BinaryIO, os.fdopen(descriptor, "rb", buffering=0))
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and one.looks_like(status):
            held = originals.held(file)
            is_given = True
            return file, held
    except OSError as error:
        if is_passing(error):
            raise passed(error) from error
    finally:
        if file is not None and not is_given:
            file.close()
    return None, ""
