"""What a person may play: families by source and permit, addresses that end, files that leave."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from mediaserver import accounts, floors, sound, streaming
from mediaserver.accounts.permits import Viewer
from mediaserver.core.clock import SystemClock
from mediaserver.core.errors import Damaged, Forbidden, Gone, NotFound, Unavailable
from mediaserver.core.folders import FolderAway
from mediaserver.core.units import TrackId
from mediaserver.streaming import originals
from mediaserver.streaming.abilities import Abilities
from mediaserver.streaming.progressive import FILES
from mediaserver.views.playing import Playing
from tests import audio
from tests.clock import FakeClock
from tests.scanned import scanned

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Stage:
    playing: Playing
    addresses: accounts.addresses.Addresses
    clock: FakeClock
    viewer: Viewer
    music: Path
    ids: dict[str, TrackId]
    rooms: floors.Rooms

    def capped(self, max_rank: int) -> Viewer:
        return replace(self.viewer, max_rank=max_rank)


async def never_measured(digests: Collection[str]) -> bool:
    return False


@pytest_asyncio.fixture
async def stage(tmp_path: Path, database_url: str) -> AsyncIterator[Stage]:
    music = tmp_path / "music"
    music.mkdir()
    for name in ("cd.flac", "lossy.mp3", "lossy.opus"):
        audio.write(music / name, seconds=1.5)
    audio.write(music / "hires.flac", seconds=1.5, rate_hz=96_000, sample_format="s32")
    async with scanned(music, tmp_path / "data", database_url) as rooms:
        clock = FakeClock()
        people = await accounts.build(rooms.database, rooms.events, clock)
        sound_cache, cover_cache = streaming.caches(tmp_path / "cache", 10_000_000)
        sounds = sound.build(rooms.database, rooms.workers, SystemClock(), shelf=sound_cache, folders=rooms.folders)
        out = streaming.build(rooms.workers, rooms.database, SystemClock(), sounds, sound_cache, cover_cache)
        user = await people.users.add("Anna", "correct horse", is_admin=True)
        _, secret = await people.tokens.create(user.id, "phone")
        viewer = await people.tokens.viewer(secret)
        assert viewer is not None
        rows = await rooms.database.all("SELECT id, path FROM tracks")
        yield Stage(
            Playing(rooms.catalog.tracks, sounds, out.segments, people.addresses, never_measured),
            people.addresses,
            clock,
            viewer,
            music,
            {row["path"]: TrackId(row["id"]) for row in rows},
            rooms,
        )
        await out.close()
        await sounds.close()


def parts(address: str) -> tuple[str, str, str, str]:
    """Token, digest, recipe, file."""
    empty, e, token, digest, recipe, file = address.split("/")
    assert (empty, e) == ("", "e")
    return token, digest, recipe, file


@pytest.mark.parametrize(
    ("name", "max_rank", "families", "has_direct"),
    [
        ("cd.flac", 99, {"aac", "opus", "flac"}, True),
        ("cd.flac", 90, {"aac", "opus", "flac"}, True),
        ("cd.flac", 89, {"aac", "opus", "flac"}, False),
        ("cd.flac", 70, {"aac", "opus", "flac"}, False),
        ("cd.flac", 69, {"aac", "opus"}, False),
        ("hires.flac", 80, {"aac", "opus", "flac", "flac16"}, False),
        ("hires.flac", 79, {"aac", "opus", "flac16"}, False),
        ("hires.flac", 69, {"aac", "opus"}, False),
        ("lossy.mp3", 99, {"aac", "opus"}, True),
        ("lossy.opus", 15, {"aac", "opus"}, False),
        ("lossy.opus", 10, {"aac"}, False),
        ("lossy.opus", 9, set(), False),
    ],
)
async def test_families_follow_the_source_and_the_permit(
    name: str, max_rank: int, families: set[str], has_direct: bool, stage: Stage
) -> None:
    answer = await stage.playing.playback(stage.capped(max_rank), stage.ids[name])
    assert set(answer.hls) == families
    assert (answer.direct is not None) is has_direct
    assert answer.duration_ms == 1500
    assert (answer.dash is not None) is bool(families)
    addresses = [*answer.hls.values(), *filter(None, [answer.dash, answer.direct])]
    for address in addresses:
        token, digest, recipe, _ = parts(address)
        rank = int(recipe.split(".")[1])
        assert await stage.addresses.check(token, digest, rank=rank) == max_rank
        with pytest.raises(Forbidden):
            await stage.addresses.check(token, digest, rank=max_rank + 1)


@pytest.mark.parametrize(
    ("name", "max_rank", "ranks"),
    [
        ("cd.flac", 99, {"mp3": 40, "opus": 35, "aac": 30, "flac": 70}),
        ("cd.flac", 69, {"mp3": 40, "opus": 35, "aac": 30}),
        ("cd.flac", 28, {"mp3": 28, "opus": 25, "aac": 20}),
        ("cd.flac", 9, {}),
        ("hires.flac", 99, {"mp3": 40, "opus": 35, "aac": 30, "flac": 80}),
        ("hires.flac", 79, {"mp3": 40, "opus": 35, "aac": 30, "flac": 70}),
        ("lossy.mp3", 99, {"mp3": 18, "opus": 25, "aac": 20}),
        ("lossy.mp3", 17, {"opus": 15, "aac": 10}),
    ],
)
async def test_streams_follow_the_source_and_the_permit(
    name: str, max_rank: int, ranks: dict[str, int], stage: Stage
) -> None:
    answer = await stage.playing.playback(stage.capped(max_rank), stage.ids[name])
    told = {}
    for name, address in answer.stream.items():
        token, digest, recipe, file = parts(address)
        assert file == FILES[name]
        told[name] = int(recipe.split(".")[1])
        assert await stage.addresses.check(token, digest, rank=told[name]) == max_rank
    assert told == ranks


async def test_an_offer_is_signed_for_no_more_than_the_player_takes(stage: Stage) -> None:
    thin = Abilities(("aac",), ("hls", "progressive"), max_bps=170_000)
    answer = await stage.playing.playback(stage.viewer, stage.ids["cd.flac"], thin)
    first = answer.offers[0]
    assert (first.way, first.name, first.plays) == ("hls", "aac", True)
    token, digest, recipe, _ = parts(first.address)
    assert await stage.addresses.check(token, digest, rank=0) == 20
    assert recipe == parts(answer.hls["aac"])[2]
    with pytest.raises(Forbidden):
        await stage.addresses.check(token, digest, rank=30)
    assert await stage.addresses.check(parts(answer.hls["aac"])[0], digest, rank=0) == 99, "the others are as ever"
    capped = await stage.playing.playback(stage.capped(15), stage.ids["cd.flac"], replace(thin, max_bps=None))
    for one in capped.offers:
        assert await stage.addresses.check(parts(one.address)[0], digest, rank=0) == 15


async def test_all_that_is_allowed_is_offered_in_an_order(stage: Stage) -> None:
    player = Abilities(("flac", "aac"), ("hls", "direct"))
    answer = await stage.playing.playback(stage.viewer, stage.ids["cd.flac"], player)
    named = {(one.way, one.name): one.address for one in answer.offers}
    assert {name: named["hls", name] for name in answer.hls} == answer.hls
    assert {name: named["progressive", name] for name in answer.stream} == answer.stream
    assert (named["dash", ""], named["direct", ""]) == (answer.dash, answer.direct)
    assert len(named) == len(answer.offers) == len(answer.hls) + len(answer.stream) + 2
    assert [(one.way, one.name) for one in answer.offers if one.plays] == [
        ("hls", "flac"),
        ("direct", ""),
        ("hls", "aac"),
    ]


async def test_an_address_lasts_the_track_and_twelve_hours_and_is_renewed_under_the_same_name(stage: Stage) -> None:
    first = await stage.playing.playback(stage.viewer, stage.ids["cd.flac"])
    token, digest, recipe, file = parts(first.hls["aac"])
    stage.clock.advance(seconds=12 * HOUR_S)
    assert await stage.addresses.check(token, digest, rank=0)
    stage.clock.advance(seconds=HOUR_S + 1)
    with pytest.raises(Forbidden):
        await stage.addresses.check(token, digest, rank=0)
    second = await stage.playing.playback(stage.viewer, stage.ids["cd.flac"])
    renewed = parts(second.hls["aac"])
    assert renewed[0] != token
    assert renewed[1:] == (digest, recipe, file), "what was fetched under the old token stays good"
    assert await stage.addresses.check(renewed[0], digest, rank=0)


async def test_the_direct_address_names_this_version_of_the_file(stage: Stage) -> None:
    answer = await stage.playing.playback(stage.viewer, stage.ids["cd.flac"])
    assert answer.direct is not None
    _, digest, recipe, file = parts(answer.direct)
    version = recipe.split(".")[2]
    found = await stage.playing.original(digest, version, file)
    with found.file:
        assert found.file.read() == (stage.music / "cd.flac").read_bytes()
    assert found.content_type == "audio/flac"
    with pytest.raises(NotFound):
        await stage.playing.original(digest, version, "cd.html")
    with pytest.raises(NotFound):
        await stage.playing.original("A" * 22, version, file)
    with pytest.raises(Gone):
        await stage.playing.original(digest, "0" * 12, file)
    with (stage.music / "cd.flac").open("ab") as flac:
        flac.write(b"changed")
    with pytest.raises(Gone):
        await stage.playing.original(digest, version, file)


async def test_a_changed_file_is_played_as_what_it_is_now(stage: Stage) -> None:
    before = await stage.playing.playback(stage.viewer, stage.ids["cd.flac"])
    await asyncio.to_thread(audio.write, stage.music / "cd.flac", seconds=2.5, seed=8)
    after = await stage.playing.playback(stage.viewer, stage.ids["cd.flac"])
    assert parts(after.hls["aac"])[1] != parts(before.hls["aac"])[1]
    assert after.duration_ms == 2500


async def test_what_cannot_be_played_is_told_in_the_right_word(stage: Stage) -> None:
    with pytest.raises(NotFound):
        await stage.playing.playback(stage.viewer, TrackId(999_999))
    (stage.music / "lossy.mp3").unlink()
    with pytest.raises(NotFound):
        await stage.playing.playback(stage.viewer, stage.ids["lossy.mp3"])
    (stage.music / "lossy.opus").write_bytes(b"no music any more")
    with pytest.raises(Damaged):
        await stage.playing.playback(stage.viewer, stage.ids["lossy.opus"])
    shutil.rmtree(stage.music)
    with pytest.raises(FolderAway):
        await stage.playing.playback(stage.viewer, stage.ids["cd.flac"])


async def test_ten_who_play_a_new_track_at_once_share_its_index(stage: Stage) -> None:
    answers = await asyncio.gather(*(stage.playing.playback(stage.viewer, stage.ids["hires.flac"]) for _ in range(10)))
    assert len({parts(answer.hls["flac"])[1:] for answer in answers}) == 1


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("/m/01 Jóga (live).flac", "01-J-ga-live.flac", "audio/flac"),
        ("/m/夜.MP3", "track.mp3", "audio/mpeg"),
        ('/m/a"b;c\r\nd.opus', "a-b-c-d.opus", "audio/ogg"),
        ("/m/" + "x" * 200 + ".m4a", "x" * 60 + ".m4a", "audio/mp4"),
        ("/m/odd.xyz", "odd.xyz", "application/octet-stream"),
        ("/m/none", "none", "application/octet-stream"),
    ],
)
def test_names_in_addresses_are_plain(path: str, name: str, kind: str) -> None:
    assert originals.file_name(path, "") == name
    assert originals.media_type_of(path, "") == kind


async def test_an_original_that_cannot_be_read_now_is_told_so(stage: Stage) -> None:
    path, digest = stage.music / "unread.flac", "u" * 22
    path.symlink_to("/proc/self/mem")  # whose first byte nobody can read: EIO
    status = path.stat()
    async with stage.rooms.database.write() as tx:
        await tx.run("INSERT INTO sounds (digest, made_at_ms) VALUES (:digest, 0)", {"digest": digest})
        await tx.run(
            "INSERT INTO sound_files (path, size_bytes, mtime_ns, digest, packet_index)"
            " VALUES (:path, :size, :mtime, :digest, :packed)",
            {
                "path": str(path),
                "size": status.st_size,
                "mtime": status.st_mtime_ns,
                "digest": digest,
                "packed": b"",
            },
        )
    version = originals.recipe(status.st_size, status.st_mtime_ns).hash
    with pytest.raises(Unavailable, match="cannot be read now"):
        await stage.playing.original(digest, version, "unread.flac")
