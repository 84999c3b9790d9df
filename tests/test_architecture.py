"""Imports point down, files stay small, every table has one writer. The tables here are the architecture.

A room is the first folder under mediaserver/, or the first two under http/. Imports inside functions and under
TYPE_CHECKING count: a circle hidden in a function is still a circle. Every guard has a test beneath it that it sees
what it guards against.
"""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.source import (
    ROOT,
    WRITES,
    circle_of,
    foreign_packages,
    functions,
    imported_rooms,
    leaking,
    module_name,
    room_at,
    skips,
    sql_strings,
    tables_read,
    taken,
)

LONGEST_FILE_LINES = 400
LONGEST_FUNCTION_LINES = 80

FLOORS_2_3 = "accounts catalog listening sound streaming library"
DOOR = "http.base core accounts views streaming"
MAY_IMPORT = {
    room: set(row.split())
    for room, row in {
        "core": "",
        "media": "core",
        "storage": "core",
        "discovery": "core",
        "tls": "core",
        "accounts": "core storage",
        "catalog": "core media storage",
        "listening": "core storage",
        "sound": "core media storage",
        "streaming": "core media storage sound",
        "library": "core media storage catalog sound",
        "checkup": "core media storage discovery listening library",
        "views": "core checkup " + FLOORS_2_3,
        "http.base": "core accounts",
        "http.api": DOOR,
        "http.stream": DOOR,
        "http.pages": DOOR,
        "http.ops": DOOR,
    }.items()
}
# The foreign packages that a room may import: each is wrapped once, where it belongs.
MAY_USE = {
    room: set(row.split())
    for room, row in {
        "core": "ifaddr msgspec pebble",
        "media": "av msgspec mutagen numpy",
        "storage": "aiosqlite asyncpg",
        "accounts": "argon2",
        "catalog": "msgspec",
        "listening": "",
        "sound": "",
        "streaming": "PIL av numpy",
        "library": "msgspec watchdog",
        "tls": "cryptography",
        "discovery": "msgspec zeroconf",
        "checkup": "",
        "views": "",
        "http.base": "aiohttp msgspec",
        "http.api": "aiohttp msgspec",
        "http.stream": "aiohttp msgspec",
        "http.pages": "aiohttp jinja2",
        "http.ops": "aiohttp msgspec prometheus_client",
        "cli": "aiohttp msgspec platformdirs rich segno uvloop",
        "app": "aiohttp",
        "floors": "",
        "__main__": "",
        "__init__": "",
        "http.__init__": "",
    }.items()
}
# Their types stay inside: no function or class that names one is taken by another room.
STAYS = {"av", "cryptography", "mutagen", "PIL", "vlc", "zeroconf", "watchdog"}
# app.py, floors.py, __main__.py and cli/ tie everything together and may import all.
COMPOSITION = {ROOT, ROOT / "cli", ROOT / "http"}

# The only room that writes a table; whoever may import the owner may read it.
OWNERS = {
    "users": "accounts",
    "sessions": "accounts",
    "tokens": "accounts",
    "setup_links": "accounts",
    "login_failures": "accounts",
    "clock_steps": "accounts",
    "signing_keys": "accounts",
    "libraries": "catalog",
    "pictures": "catalog",
    "artists": "catalog",
    "albums": "catalog",
    "album_artists": "catalog",
    "genres": "catalog",
    "tracks": "catalog",
    "track_artists": "catalog",
    "track_genres": "catalog",
    "scans": "library",
    "scan_problems": "library",
    "folder_pictures": "library",
    "sounds": "sound",
    "sound_files": "sound",
    "retired_sounds": "sound",
    "timelines": "streaming",
    "timeline_holders": "streaming",
    "loudness": "sound",
    "qoe_reports": "listening",
    "pins": "listening",
    "schema_migrations": "storage",
}
ALL_FILES = sorted(ROOT.rglob("*.py"))
ROOM_FILES = [path for path in ALL_FILES if path.parent not in COMPOSITION]
WITHOUT_SQL = {"app", "floors", "cli", "__main__", "__init__", "http"}
WRITTEN = sorted(
    path
    for folder in ("mediaserver", "web", "plugins", "scripts", "tests")
    for path in (ROOT.parent / folder).rglob("*")
    if path.suffix in (".py", ".sql", ".js", ".css", ".html", ".sh") or (folder == "scripts" and path.is_file())
    if not {"__pycache__", "node_modules"} & set(path.parts)
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", ROOM_FILES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    here = room_at(path)
    wrong = [f"{room} (line {n})" for room, n in imported_rooms(path) if room != here and room not in MAY_IMPORT[here]]
    assert not wrong, f"{here} must not import {', '.join(wrong)}"


def test_the_table_has_no_circle() -> None:
    TopologicalSorter(MAY_IMPORT).prepare()


@pytest.mark.parametrize("path", ALL_FILES, ids=name_of)
def test_foreign_packages_are_used_where_they_belong(path: Path) -> None:
    here = room_at(path)
    wrong = [f"{package} (line {n})" for package, n in foreign_packages(path) if package not in MAY_USE[here]]
    assert not wrong, f"{here} must not use {', '.join(wrong)}"


def test_no_foreign_type_leaves_its_room() -> None:
    kept = {f"{module_name(path)}.{name}": room_at(path) for path in ROOM_FILES for name in leaking(path, STAYS)}
    wrong = [
        f"{name_of(path)}:{line} takes {name}"
        for path in ALL_FILES
        for name, line in taken(path)
        if kept.get(name, room_at(path)) != room_at(path)
    ]
    assert not wrong


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circle_of(ALL_FILES, ROOT) == []


def test_every_room_stands_in_the_tables() -> None:
    assert {room_at(path) for path in ROOM_FILES} == set(MAY_IMPORT)
    assert {room_at(path) for path in ALL_FILES} == set(MAY_USE)


def too_long(path: Path) -> bool:
    return len(path.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE_LINES


@pytest.mark.parametrize("folder", ["mediaserver", "web", "plugins", "scripts", "tests"])
def test_files_stay_small(folder: str) -> None:
    inside = [path for path in WRITTEN if path.is_relative_to(ROOT.parent / folder)]
    assert [str(path) for path in inside if too_long(path)] == []


def test_functions_stay_small() -> None:
    wrong = [
        f"{path.relative_to(ROOT.parent)}: {name} has {lines} lines"
        for path in WRITTEN
        if path.suffix == ".py"
        for name, lines in functions(path)
        if lines > LONGEST_FUNCTION_LINES
    ]
    assert wrong == []


def test_no_test_is_skipped_in_silence() -> None:
    """`left out: WHAT IS MISSING` fails scripts/test; `not here: WHY` is done in another run, or has no meaning."""
    wrong = [
        f"{path.relative_to(ROOT.parent)}:{line}: {reason}"
        for path in WRITTEN
        if path.suffix == ".py" and path.is_relative_to(ROOT.parent / "tests")
        for reason, line in skips(path)
        if not reason.startswith(("left out: ", "not here: "))
    ]
    assert wrong == []


@pytest.mark.parametrize("path", ROOM_FILES, ids=name_of)
def test_tables_have_one_writer_and_known_readers(path: Path) -> None:
    here = room_at(path)
    for text, line in sql_strings(path):
        for table in WRITES.findall(text):
            assert table != "UNKNOWN" or here == "storage", f"line {line}: which table this writes cannot be seen"
            assert OWNERS.get(table.lower(), here) == here, f"line {line}: {here} writes {table}"
        for table in tables_read(text):
            assert table != "UNKNOWN" or here == "storage", f"line {line}: which table this reads cannot be seen"
            owner = OWNERS.get(table.lower(), here)
            assert owner == here or owner in MAY_IMPORT[here], f"line {line}: {here} reads {table} of {owner}"


@pytest.mark.parametrize(
    "path", [path for path in ALL_FILES if room_at(path).partition(".")[0] in WITHOUT_SQL], ids=name_of
)
def test_what_ties_rooms_together_and_the_doors_hold_no_sql(path: Path) -> None:
    assert list(sql_strings(path)) == []


def test_every_table_has_an_owner() -> None:
    made = set()
    for path in (ROOT / "storage" / "migrations").glob("*.sql"):
        made |= set(re.findall(r"CREATE TABLE (\w+)", path.read_text(encoding="utf-8")))
    assert made | {"schema_migrations"} == set(OWNERS)


# That the guards see what they guard against --------------------------------------------------------------------------


def culprit(folder: Path, text: str, name: str = "culprit.py") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_hidden_imports_are_seen(tmp_path: Path) -> None:
    path = culprit(tmp_path, "def f():\n    from mediaserver.views import albums\n    import av.error, os\n")
    assert list(imported_rooms(path)) == [("views", 2)]
    assert list(foreign_packages(path)) == [("av", 3)]


@pytest.mark.parametrize(
    ("text", "writes", "reads"),
    [
        ("SQL = 'INSERT INTO tracks (id) VALUES (1)'", {"tracks"}, set()),
        ("SQL = f'UPDATE users SET {what}'", {"users"}, set()),
        ("SQL = 'delete from tokens'", {"tokens"}, {"tokens"}),
        ("SQL = 'SELECT 1 FROM users u, tokens AS t, genres WHERE 1'", set(), {"users", "tokens", "genres"}),
        ("SQL = 'select 1 from users\\njoin tokens on 1'", set(), {"users", "tokens"}),
        ("def f(tx, table):\n    return f'DELETE FROM {table}'\nf(0, 'users')", {"users"}, {"users"}),
        ("def f(table):\n    return f'DELETE FROM {table}'\nf(table='users')", {"users"}, {"users"}),
        ("for t in ('users', 'tokens'):\n    f'UPDATE {t} SET a = 1'", {"users", "tokens"}, set()),
        ("def f(table):\n    return f'INSERT INTO {table} VALUES (1)'", {"UNKNOWN"}, set()),
        ("SQL = f'SELECT 1 FROM {tables[0]}'", set(), {"UNKNOWN"}),
        ("WORDS = 'select what you want'", set(), set()),
    ],
)
def test_sql_is_seen_however_its_tables_are_named(tmp_path: Path, text: str, writes: set[str], reads: set[str]) -> None:
    seen = [sql for sql, _ in sql_strings(culprit(tmp_path, text))]
    assert {table for sql in seen for table in WRITES.findall(sql)} == writes
    assert {table for sql in seen for table in tables_read(sql)} == reads


@pytest.mark.parametrize(
    "text",
    [
        "import av\ndef leak() -> av.Packet: ...",
        "import av\ndef leak(to: 'list[av.Packet]') -> None: ...",
        "from mutagen import FileType as F\nclass leak:\n    file: F",
        "from PIL import Image\nclass leak(Image.Image): ...",
        "import av\nleak = av.Packet",
    ],
)
def test_a_foreign_type_in_a_signature_is_seen(tmp_path: Path, text: str) -> None:
    assert leaking(culprit(tmp_path, text), STAYS) == {"leak"}
    user = "from mediaserver.media import x\nfrom mediaserver.media.y import leak\nx.leak()"
    assert set(taken(culprit(tmp_path, user))) >= {("mediaserver.media.x.leak", 3), ("mediaserver.media.y.leak", 2)}
    assert leaking(culprit(tmp_path, "import av\ndef fine() -> int:\n    return av.open('x').size"), STAYS) == set()


def test_a_circle_is_seen_also_through_a_package(tmp_path: Path) -> None:
    paths = [
        culprit(tmp_path, "from mediaserver.b.inner import y", "a/__init__.py"),
        culprit(tmp_path, "", "a/inner.py"),
        culprit(tmp_path, "", "b/__init__.py"),
        culprit(tmp_path, "from mediaserver.a.inner import x", "b/inner.py"),
    ]
    assert set(circle_of(paths, tmp_path)) == {"mediaserver.a", "mediaserver.b.inner"}
    culprit(tmp_path, "", "a/__init__.py")
    assert circle_of(paths, tmp_path) == []


def test_a_long_file_is_seen_whatever_it_is_written_in(tmp_path: Path) -> None:
    assert {".py", ".js", ".css", ".html", ".sql", ""} <= {path.suffix for path in WRITTEN}
    assert too_long(culprit(tmp_path, "x\n" * 401, "long.js"))
    assert not too_long(culprit(tmp_path, "x\n" * 400, "short.js"))


def test_a_long_function_is_seen_also_within_another(tmp_path: Path) -> None:
    text = (
        "class One:\n    @cache\n    async def two():\n        def three():\n            pass\n\n        return three"
    )
    assert list(functions(culprit(tmp_path, text))) == [("two", 6), ("three", 2)]


def test_a_silent_skip_is_seen(tmp_path: Path) -> None:
    text = "pytest.skip()\n@pytest.mark.skipif(True, reason=f'no {it}')\ndef test() -> None: ...\nskip('left out: x')"
    assert list(skips(culprit(tmp_path, text))) == [("", 1), ("no {it}", 2), ("left out: x", 4)]
