"""Imports point down, files stay small, every table has one writer. The tables here are the architecture.

A room is the first folder under mediaserver/, or the first two under http/. Imports inside functions and under
TYPE_CHECKING count: a circle hidden in a function is still a circle.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "mediaserver"
LONGEST_FILE_LINES = 400

FLOORS_2_3 = "accounts catalog sound streaming library"
DOOR = "http.base core accounts views streaming"
MAY_IMPORT = {
    room: set(row.split())
    for room, row in {
        "core": "",
        "media": "core",
        "storage": "core",
        "accounts": "core storage",
        "catalog": "core media storage",
        "sound": "core media storage",
        "streaming": "core media storage sound",
        "library": "core media storage catalog sound",
        "views": "core " + FLOORS_2_3,
        "http.base": "core accounts",
        "http.api": DOOR,
        "http.stream": DOOR,
        "http.pages": DOOR,
        "http.ops": DOOR,
    }.items()
}
# app.py, __main__.py and cli/ tie everything together and may import all.
COMPOSITION = {ROOT, ROOT / "cli", ROOT / "http"}

# The only room that writes a table; whoever may import the owner may read it.
OWNERS = {
    "users": "accounts",
    "sessions": "accounts",
    "tokens": "accounts",
    "setup_links": "accounts",
    "login_failures": "accounts",
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
    "schema_migrations": "storage",
}
WRITES = re.compile(r"\b(?:INSERT (?:OR \w+ )?INTO|UPDATE(?! SET)|DELETE FROM)\s+(\w+)", re.I)
READS = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)", re.I)
LOOKS_LIKE_SQL = re.compile(r"\b(?:SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|JOIN)\b")

ALL_FILES = sorted(ROOT.rglob("*.py"))
ROOM_FILES = [path for path in ALL_FILES if path.parent not in COMPOSITION]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room_of(parts: tuple[str, ...] | list[str]) -> str:
    return ".".join(parts[:2]) if parts[0] == "http" else parts[0]


def imported_rooms(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            head, *parts = name.split(".")
            if head == "mediaserver" and parts and parts != ["__version__"]:
                yield room_of(parts), node.lineno


def sql_strings(path: Path) -> Iterator[tuple[str, int]]:
    """Every string that holds SQL; the constant parts of an f-string count, joined."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(str(p.value) if isinstance(p, ast.Constant) else "x" for p in node.values)
        else:
            continue
        if LOOKS_LIKE_SQL.search(text) or WRITES.search(text):
            yield text, node.lineno


@pytest.mark.parametrize("path", ROOM_FILES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    here = room_of(path.relative_to(ROOT).parts)
    wrong = [f"{room} (line {n})" for room, n in imported_rooms(path) if room != here and room not in MAY_IMPORT[here]]
    assert not wrong, f"{here} must not import {', '.join(wrong)}"


def test_the_table_has_no_circle() -> None:
    TopologicalSorter(MAY_IMPORT).prepare()


def modules_imported(path: Path, known: set[str]) -> set[str]:
    """Modules of the house that a file takes something from, lazily and for typing too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & known
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & known
            found |= inner
            if node.module in known and len(inner) < len(node.names):
                found.add(node.module)
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    names = {path: ".".join(("mediaserver", *path.relative_to(ROOT).with_suffix("").parts)) for path in ALL_FILES}
    modules = {path: name.removesuffix(".__init__") for path, name in names.items()}
    known = set(modules.values())
    graph = {name: modules_imported(path, known) - {name} for path, name in modules.items()}
    TopologicalSorter(graph).prepare()


def test_every_room_stands_in_the_table() -> None:
    assert {room_of(path.relative_to(ROOT).parts) for path in ROOM_FILES} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", ALL_FILES, ids=name_of)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE_LINES


@pytest.mark.parametrize("path", ROOM_FILES, ids=name_of)
def test_tables_have_one_writer_and_known_readers(path: Path) -> None:
    here = room_of(path.relative_to(ROOT).parts)
    for text, line in sql_strings(path):
        for table in WRITES.findall(text):
            assert OWNERS.get(table.lower(), here) == here, f"line {line}: {here} writes {table}"
        for table in READS.findall(text):
            owner = OWNERS.get(table.lower(), here)
            assert owner == here or owner in MAY_IMPORT[here], f"line {line}: {here} reads {table} of {owner}"


def test_every_table_has_an_owner() -> None:
    made = set()
    for path in (ROOT / "storage" / "migrations").glob("*.sql"):
        made |= set(re.findall(r"CREATE TABLE (\w+)", path.read_text(encoding="utf-8")))
    assert made | {"schema_migrations"} == set(OWNERS)


def test_the_guard_sees_what_it_guards_against(tmp_path: Path) -> None:
    culprit = tmp_path / "culprit.py"
    culprit.write_text(
        "def f():\n    from mediaserver.views import albums\n"
        "SQL = 'INSERT INTO tracks (id) VALUES (1)'\nMORE = f'UPDATE users SET {SQL}'\n",
        encoding="utf-8",
    )
    assert list(imported_rooms(culprit)) == [("views", 2)]
    written = [table for text, _ in sql_strings(culprit) for table in WRITES.findall(text)]
    assert sorted(set(written)) == ["tracks", "users"]
