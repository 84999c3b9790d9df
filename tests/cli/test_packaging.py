"""The wheel is the whole server: page, plugins and migrations are in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from mediaserver import __version__
from tests.cli.command import Command
from tests.environment import packages_at

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


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment of its own, in which pip installed the wheel and found all that it needs."""
    top = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", top / "venv"], check=True)
    packages = packages_at(top / "packages")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", top / "venv" / "bin" / "python"),
            *("install", "--quiet", "--no-index", f"{wheel}[postgres]"),
        ],
        check=True,
        env={**os.environ, "PYTHONPATH": str(packages)},
    )
    (site,) = (top / "venv").glob("lib/python*/site-packages")
    (site / "packages.pth").write_text(f"{packages}\n", encoding="utf-8")
    return top / "venv" / "bin" / "mediaserver"


def outside() -> dict[str, str]:
    """No variable leads to the checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MEDIASERVER_", "PYTHON"))}


def test_pip_install_gives_the_command(installed: Path, tmp_path: Path) -> None:
    def said(*arguments: str) -> str:
        ran = subprocess.run(
            [installed, *arguments], check=True, capture_output=True, text=True, env=outside(), cwd=tmp_path
        )
        return ran.stdout

    assert said("--version") == f"mediaserver {__version__}\n"
    assert "mediaserver serve ~/Music" in said("serve", "--help")
    python = installed.with_name("python")
    where = "import mediaserver; print(mediaserver.__file__)"
    found = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True, env=outside(), cwd="/")
    assert Path(found.stdout.strip()).is_relative_to(installed.parent.parent)


async def test_installed_it_serves_its_page_without_the_checkout(
    installed: Path, command: Command, seeded_library: Path
) -> None:
    async with (
        replace(command, program=(str(installed),), folder="/").serving(
            seeded_library, "--host", "127.0.0.1"
        ) as served,
        aiohttp.ClientSession() as client,
    ):
        assert re.search(r"^Scanned: \d\d files", served.out, re.M)
        async with client.get(f"{served.base}/healthz") as answer:
            assert (await answer.json())["version"] == __version__
        async with client.get(f"{served.base}/sign-in") as answer:
            assert answer.status == 200
            style = re.findall(r"/static/[^\s\"']+\.css", await answer.text())[0]
        async with client.get(f"{served.base}{style}") as answer:
            assert (answer.status, answer.content_type) == (200, "text/css")
