"""The streaming room with one worker, for the tests of segments."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from mediaserver.core.units import UserId
from mediaserver.core.workers import Workers
from mediaserver.sound.index import Sound, Sounds
from mediaserver.storage.database import Database
from mediaserver.streaming import Streaming, encoder, offers
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.ladder import AAC_RUNGS, Ladder
from mediaserver.streaming.progressive import FILES
from mediaserver.streaming.segments import Segments
from tests import audio

LADDER = Ladder(encoder.identity())
LOW, MIDDLE, HIGH = (str(LADDER.recipe(rung)) for rung in AAC_RUNGS)
MAIN = str(LADDER.multivariant("aac"))


def streams(sound: Sound, max_rank: int) -> dict[str, str]:
    """`RECIPE/FILE` of each format that a sound and a person may have."""
    found = offers.streams(offers.allowed(sound.index, max_rank))
    return {name: f"{LADDER.recipe(rung)}/{FILES[name]}" for name, rung in found.items()}


@dataclass(frozen=True, slots=True)
class Desk:
    """The streaming room with one worker and what it stands on."""

    streaming: Streaming
    cache: Cache
    sounds: Sounds
    database: Database
    workers: Workers
    folder: Path

    @property
    def segments(self) -> Segments:
        return self.streaming.segments

    async def sound(self, name: str = "x.flac", *, seconds: float = 13.0, seed: int = 1) -> Sound:
        """Four segments of AAC, the last one short."""
        path = self.folder / name
        await asyncio.to_thread(audio.write, path, seconds=seconds, seed=seed)
        return await self.sounds.of_file(str(path))

    async def body(self, sound: Sound, recipe: str, file: str, *, cap: int = 99) -> bytes:
        return (await self.segments.get(sound.digest, recipe, file, cap=cap)).body

    async def person(self, name: str = "Anna") -> UserId:
        """Somebody, the same for the same name."""
        params = {"name": name, "no": False}
        async with self.database.write() as tx:
            await tx.run(
                "INSERT INTO users (name, name_key, password_hash, is_admin, max_rank, created_at_ms)"
                " VALUES (:name, :name, '', :no, 99, 0) ON CONFLICT (name_key) DO NOTHING",
                params,
            )
            row = await tx.one("SELECT id FROM users WHERE name = :name", {"name": name})
        assert row is not None
        return UserId(row["id"])

    async def settled(self, streaming: Streaming | None = None) -> None:
        """What is made ahead is done, and nothing of it was left half-way."""
        making = (streaming or self.streaming).segments._making
        while making:
            await asyncio.gather(*making.tasks.values(), return_exceptions=True)
            await asyncio.sleep(0)
        assert not list(self.kept.rglob("*.part"))

    @property
    def kept(self) -> Path:
        return self.folder / "cache" / "segments"

    def files(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.kept).parent.name + "/" + path.name) for path in self.kept.rglob("*.m4s")
        )
