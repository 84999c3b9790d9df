"""What is known of sounds already: nothing is indexed for it, and no side file made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mediaserver.core.errors import Damaged, NotFound
from mediaserver.core.folders import Folders
from mediaserver.core.passing import is_passing, passed
from mediaserver.core.units import Digest
from mediaserver.media import cuts, packets
from mediaserver.media.packets import PacketIndex
from mediaserver.sound.sidefiles import SoundFile
from mediaserver.storage.database import Database

_AT_ONCE = 500


class Lookup:
    def __init__(self, database: Database, folders: Folders) -> None:
        self._database = database
        self._folders = folders

    async def digests(self, paths: Sequence[str]) -> dict[str, Digest]:
        """Of those of these files that were indexed; nothing is looked at on the disk."""
        found: dict[str, Digest] = {}
        for at in range(0, len(paths), _AT_ONCE):
            rows = await self._database.all(
                "SELECT path, digest FROM sound_files WHERE path IN (:paths*)", {"paths": paths[at : at + _AT_ONCE]}
            )
            found |= {row["path"]: Digest(row["digest"]) for row in rows}
        return found

    async def known(self, path: str) -> tuple[Digest, PacketIndex] | None:
        """Of a file, or a place in one, that was indexed and has not changed since, also where its side file is not
        there any more. None where it has to be indexed. Raises NotFound and FolderAway."""
        file = cuts.file_of(path)
        try:
            stat = await self._folders.ask(file, Path(file).stat)
        except OSError as error:
            await self._folders.check(file)
            raise passed(error) if is_passing(error) else NotFound("the file is not there") from error
        row = await self._database.one(
            "SELECT size_bytes, mtime_ns, digest, packet_index FROM sound_files WHERE path = :path", {"path": path}
        )
        if row is None or not SoundFile(file, row["size_bytes"], row["mtime_ns"]).looks_like(stat):
            return None
        packed = bytes(row["packet_index"])
        if packed == packets.waiting(packets.codec_by_side(packed) or ""):
            return None
        try:
            index = await asyncio.to_thread(PacketIndex.unpacked, packed)
        except Damaged:
            return None
        return Digest(row["digest"]), replace(
            index, file_bytes=stat.st_size
        ) if index.side and not index.is_cut else index
