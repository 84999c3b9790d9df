"""The wheel is the whole server: page, plugins and migrations are in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import aiohttp
import pytest

from tests.cli.command import Command

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `pip install .` builds it, from a copy, for a build leaves folders behind."""
    source = tmp_path_factory.mktemp("source")
    for folder in ("mediaserver", "web", "plugins"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", source, source],
        check=True,
    )
    (made,) = source.glob("mediaserver-*.whl")
    return made


def files(folder: Path, suffixes: tuple[str, ...] = ()) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found if not suffixes or path.suffix in suffixes}


def test_the_wheel_carries_the_code_the_page_the_plugins_and_the_migrations(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    expected = {f"mediaserver/{name}" for name in files(ROOT / "mediaserver", (".py", ".sql"))}
    expected |= {f"mediaserver/web/{name}" for name in files(ROOT / "web")}
    expected |= {f"mediaserver/plugins_bundled/{name}" for name in files(ROOT / "plugins")}
    assert expected <= packed
    assert not any(name.startswith("tests") for name in packed)


async def test_installed_it_serves_its_page_without_the_checkout(
    wheel: Path, command: Command, seeded_library: Path, tmp_path: Path
) -> None:
    installed = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(installed)
    (installed / "mediaserver" / "__init__.py").write_text('__version__ = "9.9.9"\n', encoding="utf-8")
    async with (
        command.serving(seeded_library, "--host", "127.0.0.1", PYTHONPATH=str(installed), PYTHONSAFEPATH="1") as served,
        aiohttp.ClientSession() as client,
    ):
        async with client.get(f"{served.base}/healthz") as answer:
            assert (await answer.json())["version"] == "9.9.9"
        async with client.get(f"{served.base}/sign-in") as answer:
            assert answer.status == 200
            assert "/static/" in await answer.text()
