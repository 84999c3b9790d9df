"""Thousands of damaged files through everything that reads them: an answer in words, or a worker that dies alone."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from mediaserver.core.errors import Damaged, WorkerFailed
from mediaserver.core.workers import Workers
from mediaserver.library.reader import ToRead, read_files
from mediaserver.media.decode import read_range
from mediaserver.media.probe import index_file
from mediaserver.streaming import encoder
from mediaserver.streaming.ladder import AAC_RUNGS, lossy_rendition
from tests import audio

ROUNDS = 400


def damaged(body: bytes, chance: random.Random) -> bytes:
    """Bytes changed, taken out, doubled or cut off, most of them where the headers are."""
    bad = bytearray(body)
    for _ in range(chance.choice((1, 1, 3, 10, 40))):
        at = chance.randrange(min(len(bad), chance.choice((48, 400, 4000, 10**9))) or 1)
        kind = chance.randrange(5)
        if kind == 0:
            bad[at : at + 1] = bytes([chance.choice((0, 1, 0x7F, 0x80, 0xFF))])
        elif kind == 1:
            bad[at : at + 4] = chance.choice(
                (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", chance.randbytes(4))
            )
        elif kind == 2:
            del bad[at : at + chance.choice((1, 7, 500))]
        elif kind == 3:
            bad[at:at] = bad[at : at + chance.choice((1, 30, 3000))]
        else:
            bad[at] ^= 1 << chance.randrange(8)
    return bytes(bad[: chance.choice((len(bad), len(bad), chance.randrange(1, len(bad) + 1)))])


def through(path: str, side_dir: str) -> str:
    """Everything that the server would do with the file; returns how it went."""
    root, _, name = path.rpartition("/")
    status = Path(path).stat()
    read = read_files(root, [ToRead(name, status.st_size, status.st_mtime_ns, "")])
    assert len(read.files) + len(read.problems) >= 1
    try:
        index, _ = index_file(path, side_dir=side_dir)
        source = f"{side_dir}/{index.side}" if index.side else path
        stop = min(index.length_samples, 200_000)
        assert read_range(source, index, 0, stop).shape == (index.channels, stop)
        encoder.segment(source, index, lossy_rendition(index, AAC_RUNGS[0]), 0)
    except Damaged:
        return "damaged"
    return "played"


@pytest.mark.long
@pytest.mark.parametrize("kind", sorted(audio.FORMATS))
async def test_damaged_files_are_answered_in_words(kind: str, tmp_path: Path) -> None:
    body = audio.write(tmp_path / f"x.{kind}", seconds=1.2).read_bytes()
    chance, workers, outcomes = random.Random(kind), Workers(processes=2), Counter[str]()
    for n in range(ROUNDS):
        path = tmp_path / f"{n}.{kind}"
        path.write_bytes(damaged(body, chance))

    async def one(n: int) -> None:
        try:
            outcome = await workers.urgent(
                through, str(tmp_path / f"{n}.{kind}"), str(tmp_path / "sides"), timeout_s=60
            )
        except WorkerFailed as error:
            outcome = "hung" if "longer" in str(error) else "crashed"
        outcomes[outcome] += 1

    turns = asyncio.Semaphore(8)

    async def in_turn(n: int) -> None:
        async with turns:
            await one(n)

    await asyncio.gather(*(in_turn(n) for n in range(ROUNDS)))
    await workers.close()
    print(f"\n{kind}: {dict(outcomes)}")
    assert sum(outcomes.values()) == ROUNDS
    assert outcomes["crashed"] + outcomes["hung"] <= ROUNDS // 50
