"""The catalogue at some size: paging, searching, grouping, and what it costs in queries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mediaserver import catalog
from mediaserver.catalog import paging
from mediaserver.catalog.grouping import album_folder, identify
from mediaserver.catalog.incoming import FolderPicture, ReadFile
from mediaserver.core.errors import Invalid, NotFound
from mediaserver.core.events import EventBus
from mediaserver.core.units import AlbumId, ArtistId, GenreId, LibraryId
from mediaserver.media.facts import PictureFacts, TrackFacts
from mediaserver.storage.database import Database
from tests.clock import FakeClock

PLAIN = TrackFacts(
    title="Title",
    artists=("Artist",),
    artist_credit="Artist",
    album="Album",
    album_artists=("Artist",),
    album_artist_credit="Artist",
    genres=("Rock",),
    date="2001-02-03",
    year=2001,
    disc_no=1,
    track_no=1,
    is_compilation=False,
    duration_ms=180_000,
    container="flac",
    codec="flac",
    rate_hz=44_100,
    channels=2,
    bit_depth=16,
    bitrate_bps=900_000,
    is_lossless=True,
    identity="i" * 22,
    picture=None,
)


def file(path: str, beside: FolderPicture | None = None, **changes: Any) -> ReadFile:
    facts = replace(PLAIN, identity=path.ljust(22, "_")[:22], **changes)
    return ReadFile(path, 1000, 1, facts, beside, 1)


@pytest.fixture
def room(database: Database, clock: FakeClock) -> catalog.Catalog:
    return catalog.build(database, clock, EventBus())


@pytest_asyncio.fixture
async def library(room: catalog.Catalog) -> LibraryId:
    return await room.writer.library("/music")


async def titles(room: catalog.Catalog) -> list[str]:
    return [album.title for album in (await room.albums.page(limit=100)).items]


async def walk(page: Any, limit: int) -> AsyncIterator[Any]:
    cursor = None
    while True:
        found = await page(limit=limit, cursor=cursor)
        for item in found.items:
            yield item
        cursor = found.next
        if cursor is None:
            return


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
async def test_pages_give_everything_once_in_order(room: catalog.Catalog, library: LibraryId, limit: int) -> None:
    names = ["The Zebra", "apple", "Äpfel", "Banana", "banana split", "A Cat", "夜", "10cc", "Zoo", "Apple"]
    await room.writer.store(
        library,
        [
            file(f"{n}.flac", title=name, album=f"{name} {n}", artists=(name,), artist_credit=name, genres=(name,))
            for n, name in enumerate(names)
        ],
    )
    tracks = [t.title async for t in walk(room.tracks.page, limit)]
    ordered = ["10cc", "äpfel", "apple", "apple", "banana", "banana split", "a cat", "the zebra", "zoo", "夜"]
    assert [title.casefold() for title in tracks] == ordered
    artists = [a.name async for a in walk(room.artists.page, limit)]
    assert len(artists) == len(set(artists)) == 10  # nine names, for "apple" and "Apple" are one, and the album artist
    genres = [g.name async for g in walk(room.genres.page, limit)]
    assert len(genres) == 9
    for sort in ("title", "artist", "added", "year"):
        for descending in (False, True):

            async def page(sort: Any = sort, descending: bool = descending, **asked: Any) -> Any:
                return await room.albums.page(sort=sort, descending=descending, **asked)

            found = [a.id async for a in walk(page, limit)]
            assert len(found) == len(set(found)) == 10, sort


@pytest.mark.parametrize(
    ("descending", "expected"), [(False, ["1969", "2001", "", ""]), (True, ["2001", "1969", "", ""])]
)
async def test_by_year_albums_without_one_come_last_both_ways(
    room: catalog.Catalog, library: LibraryId, descending: bool, expected: list[str]
) -> None:
    years = {"a": 2001, "b": None, "c": 1969, "d": None}
    await room.writer.store(library, [file(f"{n}/1.flac", album=n, year=y, date="") for n, y in years.items()])

    async def page(**asked: Any) -> Any:
        return await room.albums.page(sort="year", descending=descending, **asked)

    assert [str(a.year or "") async for a in walk(page, 1)] == expected


async def test_a_page_goes_on_where_it_was_though_albums_come_in_before_it(
    room: catalog.Catalog, library: LibraryId
) -> None:
    await room.writer.store(library, [file(f"{n}.flac", album=f"M{n}") for n in range(6)])
    first = await room.albums.page(limit=3)
    await room.writer.store(library, [file(f"new{n}.flac", album=f"A{n}") for n in range(5)])
    second = await room.albums.page(limit=3, cursor=first.next)
    assert [a.title for a in second.items] == ["M3", "M4", "M5"]


BY_TITLE = paging.mark("albums", ("sort_key", "id"), False, [])


async def test_the_mark_of_albums_by_title_is_that_of_their_cursors(room: catalog.Catalog, library: LibraryId) -> None:
    await room.writer.store(library, [file(f"{n}.flac", album=f"M{n}") for n in range(3)])
    assert await room.albums.page(limit=1, cursor=paging.encode(["", 0], BY_TITLE))


async def test_a_cursor_is_of_one_list_one_order_and_one_choice(room: catalog.Catalog, library: LibraryId) -> None:
    await room.writer.store(
        library,
        [
            file(f"{n}.flac", title=f"M{n}", album=f"M{n}", artists=(f"A{n}",), genres=(f"G{n}", "Rock"))
            for n in range(4)
        ],
    )
    rock = next(one.id for one in (await room.genres.page(limit=9)).items if one.name == "Rock")
    by_title = (await room.albums.page(limit=1)).next
    found = (await room.find.albums("m", limit=1)).next
    assert by_title is not None
    assert found is not None
    others = [
        room.albums.page(limit=1, cursor=by_title, descending=True),
        room.albums.page(limit=1, cursor=by_title, sort="year"),
        room.albums.page(limit=1, cursor=by_title, genre_id=rock),
        room.albums.page(limit=1, cursor=found),
        room.artists.page(limit=1, cursor=by_title),
        room.genres.page(limit=1, cursor=by_title),
        room.tracks.page(limit=1, cursor=by_title),
        room.find.albums("m0", limit=1, cursor=found),
        room.find.tracks("m", limit=1, cursor=found),
    ]
    for other in others:
        with pytest.raises(Invalid) as refused:
            await other
        assert refused.value.field == "cursor"
    assert [a.title for a in (await room.albums.page(limit=1, cursor=by_title)).items] == ["M1"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "W10",
        "WzFd",
        "!!!",
        "W251bGwsMV0",
        paging.encode(["a", 2**70], BY_TITLE),
        paging.encode([1, "a"], BY_TITLE),
        "\u00e9",
        paging.encode(["a\0", 1], BY_TITLE),
    ],
)
async def test_a_forged_cursor_is_refused_by_name(room: catalog.Catalog, cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        await room.albums.page(limit=3, cursor=cursor)
    assert refused.value.field == "cursor"


class Counting:
    """A reader that counts what it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect
        self.queries = 0

    async def all(self, sql: str, params: Any = None) -> Sequence[Any]:
        self.queries += 1
        return await self._database.all(sql, params or {})

    async def one(self, sql: str, params: Any = None) -> Any:
        self.queries += 1
        return await self._database.one(sql, params or {})


async def test_the_number_of_queries_does_not_grow_with_the_page(
    room: catalog.Catalog, library: LibraryId, database: Database, clock: FakeClock
) -> None:
    await room.writer.store(library, [file(f"{n}.flac", title=f"T{n}", album=f"A{n}", track_no=n) for n in range(120)])
    await room.writer.store(library, [file(f"one/{n}.flac", album="One", track_no=n) for n in range(60)])
    one = next(a.id for a in (await room.albums.page(limit=200)).items if a.title == "One")
    counting = Counting(database)
    counted = catalog.build(counting, clock, EventBus())  # type: ignore[arg-type]
    calls = {
        "albums": counted.albums.page,
        "tracks": counted.tracks.page,
        "artists": counted.artists.page,
        "genres": counted.genres.page,
    }
    for name, page in calls.items():
        costs = set()
        for limit in (3, 100):
            counting.queries = 0
            await page(limit=limit)
            costs.add(counting.queries)
        assert len(costs) == 1, name
        assert max(costs) <= 3, name
    counting.queries = 0
    assert len(await counted.tracks.of_album(one)) == 60
    assert counting.queries == 3


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("a/b/1.flac", "a/b"),
        ("a/b/CD 2/1.flac", "a/b"),
        ("a/b/Disc 1 - Live/1.flac", "a/b"),
        ("1.flac", ""),
        ("CD1/1.flac", ""),
        ("a/Discovery/1.flac", "a/Discovery"),
        ("a/CD/1.flac", "a/CD"),
    ],
)
def test_disc_folders_count_as_their_parent(path: str, folder: str) -> None:
    assert album_folder(path) == folder


async def test_grouping_keeps_apart_and_joins_as_people_expect(room: catalog.Catalog, library: LibraryId) -> None:
    loose = {"album_artists": (), "album_artist_credit": ""}
    await room.writer.store(
        library,
        [
            file("x/CD1/1.flac", album="Double", disc_no=1),
            file("x/CD2/1.flac", album="Double", disc_no=2),
            file("y/1.flac", album="double"),  # the same album in another folder and case
            file("g1/1.flac", album="Greatest Hits", album_artists=("Queen",), album_artist_credit="Queen"),
            file("g2/1.flac", album="Greatest Hits", album_artists=("Abba",), album_artist_credit="Abba"),
            file("m/1.flac", album="Mix", artists=("A",), artist_credit="A", **loose),
            file("m/2.flac", album="Mix", artists=("B",), artist_credit="B", **loose),
            file("n/1.flac", album="Mix", artists=("C",), artist_credit="C", **loose),
            file("c/1.flac", album="Hits", artists=("A",), artist_credit="A", is_compilation=True, **loose),
            file("c/2.flac", album="Hits", artists=("B",), artist_credit="B", is_compilation=True, **loose),
            file("Some Folder/1.flac", album="", **loose),
            file("1.flac", album="", **loose),
        ],
    )
    albums = sorted(
        (a.title, a.artist_credit, a.track_count, a.is_compilation) for a in (await room.albums.page(limit=50)).items
    )
    assert albums == [
        ("Double", "Artist", 3, False),
        ("Greatest Hits", "Abba", 1, False),
        ("Greatest Hits", "Queen", 1, False),
        ("Hits", "Various Artists", 2, True),
        ("Mix", "C", 1, False),
        ("Mix", "Various Artists", 2, True),
        ("Some Folder", "Artist", 1, False),
        ("Unknown album", "Artist", 1, False),
    ]


async def test_an_album_follows_its_tracks_when_they_are_retagged(room: catalog.Catalog, library: LibraryId) -> None:
    loose = {"album": "Mix", "album_artists": (), "album_artist_credit": ""}
    await room.writer.store(
        library,
        [file(f"m/{n}.flac", artists=(n,), artist_credit=n, **loose) for n in ("A", "B")],
    )
    (album,) = (await room.albums.page(limit=5)).items
    assert album.artist_credit == "Various Artists"
    await room.writer.store(library, [file("m/B.flac", artists=("A",), artist_credit="A", year=1999, **loose)])
    (album,) = (await room.albums.page(limit=5)).items
    assert (album.artist_credit, album.is_compilation, album.year) == ("A", False, 2001)
    await room.writer.prune()
    assert [a.name for a in (await room.artists.page(limit=9)).items] == ["A"]
    await room.writer.store(library, [file("m/A.flac", album="Other"), file("m/B.flac", album="Other")])
    await room.writer.prune()
    assert await titles(room) == ["Other"]


async def test_search_finds_by_name_artist_and_album_the_name_first(room: catalog.Catalog, library: LibraryId) -> None:
    await room.writer.store(
        library,
        [
            file("1.flac", title="Moon River", album="Breakfast"),
            file("2.flac", title="Tiffany", album="Moon"),
            file("3.flac", title="Sun", album="Day", artists=("Keith Moon",), artist_credit="Keith Moon"),
            file("4.flac", title="Mönch", album="Abbey"),
        ],
    )
    found = [t.title for t in (await room.find.tracks("moon", limit=9)).items]
    assert found[0] == "Moon River"
    assert set(found) == {"Moon River", "Tiffany", "Sun"}
    assert [t.title for t in (await room.find.tracks("MONCH abb", limit=9)).items] == ["Mönch"]
    assert [a.title for a in (await room.find.albums("moo", limit=9)).items] == ["Moon"]
    assert [a.name for a in (await room.find.artists("moon", limit=9)).items] == ["Keith Moon"]
    assert (await room.find.tracks("mo xyz", limit=9)).items == ()
    first = await room.find.tracks("moon", limit=2)
    second = await room.find.tracks("moon", limit=2, cursor=first.next)
    assert len(first.items) == 2
    assert len(second.items) == 1
    assert second.next is None


async def test_what_has_gone_leaves_lists_and_search_and_keeps_its_row(
    room: catalog.Catalog, library: LibraryId
) -> None:
    await room.writer.store(library, [file("1.flac", title="Here", album="One", genres=("G",))])
    (track,) = (await room.tracks.page(limit=5)).items
    assert await room.writer.mark_missing(library, ["1.flac", "never.flac"]) == 1
    await room.writer.prune()
    assert (await room.tracks.page(limit=5)).items == ()
    assert (await room.albums.page(limit=5)).items == ()
    assert (await room.artists.page(limit=5)).items == ()
    assert (await room.genres.page(limit=5)).items == ()
    assert (await room.find.artists("artist", limit=5)).items == ()
    for call in (room.albums.get(track.album_id), room.tracks.file(track.id)):
        with pytest.raises(NotFound):
            await call
    assert (await room.tracks.get(track.id)).is_missing
    assert await room.writer.mark_present(library, ["1.flac"]) == 1
    assert (await room.albums.get(track.album_id)).track_count == 1
    assert [t.id for t in (await room.find.tracks("here", limit=5)).items] == [track.id]


async def test_unknown_things_are_not_found(room: catalog.Catalog) -> None:
    for call in (
        room.albums.get(AlbumId(99)),
        room.artists.get(ArtistId(99)),
        room.pictures.file("none"),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await room.albums.page(limit=5, genre_id=GenreId(99))).items == ()


async def test_pictures_are_shared_and_found_where_they_lie(room: catalog.Catalog, library: LibraryId) -> None:
    beside = FolderPicture("a/cover.jpg", PictureFacts("P" * 22, "image/jpeg", 10))
    inside = PictureFacts("Q" * 22, "image/png", 20)
    await room.writer.store(library, [file("a/1.flac", beside, album="X"), file("b/1.flac", album="Y", picture=inside)])
    assert (await room.pictures.file("P" * 22)).path == str(Path("/music/a/cover.jpg"))
    embedded = await room.pictures.file("Q" * 22)
    assert (embedded.path, embedded.is_embedded) == ("/music/b/1.flac", True)
    assert {a.title: a.picture for a in (await room.albums.page(limit=5)).items} == {"X": "P" * 22, "Y": "Q" * 22}


def test_an_album_artist_decides_wherever_the_files_lie() -> None:
    one = identify(LibraryId(1), "a/1.flac", PLAIN)
    other = identify(LibraryId(2), "b/c/2.flac", replace(PLAIN, album="ALBUM"))
    assert one.key == other.key
