"""The unit file: what systemd itself says of it, and that every path survives it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mediaserver.cli import unit
from mediaserver.cli.unit import STATE_DIR, Wanted, closed_to_others, data_dir_in, escaped, is_ours

ODD = '/srv/100% of "Mü\'ller" $HOME \\ é'
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="left out: what systemd says of units: install systemd"
)


def wanted(*, is_system: bool, odd: bool = False, **more: object) -> Wanted:
    data_dir = STATE_DIR if is_system else Path("/home/anna/.local/share/mediaserver")
    return Wanted(
        Path(sys.executable), (ODD,) if odd else ("/srv/music",), is_system, Path(ODD) if odd else data_dir, **more
    )


UNITS = {
    "system": wanted(is_system=True),
    "system-odd": wanted(is_system=True, odd=True, run_as="root", config=Path(ODD), writable=(Path(ODD),)),
    "system-port": wanted(is_system=True, port=80, groups=("audio", "users")),
    "user": wanted(is_system=False),
    "user-odd": wanted(is_system=False, odd=True, config=Path(ODD)),
}


def analyzed(verb: str, name: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    file = folder / unit.NAME
    file.write_text(unit.text(UNITS[name]))
    scope = [] if name.startswith("system") else ["--user"]
    return subprocess.run(
        ["systemd-analyze", verb, *scope, *options, str(file)],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_it(name: str, tmp_path: Path) -> None:
    ended = analyzed("verify", name, tmp_path, "--man=no")
    said = "\n".join(line for line in ended.stderr.splitlines() if unit.NAME in line)
    assert (ended.returncode, said) == (0, ""), ended.stderr


@needs_systemd
def test_systemd_sees_what_is_wrong_with_another(tmp_path: Path) -> None:
    file = tmp_path / unit.NAME
    file.write_text(unit.text(UNITS["system"]).replace("WatchdogSec=120", "WatchdogSecs=120"))
    ended = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert "WatchdogSecs" in ended.stderr


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_its_exposure_is_under_two(name: str, tmp_path: Path) -> None:
    ended = analyzed("security", name, tmp_path, "--offline=true", "--no-pager")
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", ended.stdout)
    assert found is not None, ended.stderr
    assert float(found[1]) < 2.0, ended.stdout


@pytest.mark.parametrize(
    ("word", "shown", "in_command"),
    [
        ("/srv/music", "/srv/music", "/srv/music"),
        ("", '""', '""'),
        ("100%", "100%%", "100%%"),
        ("$HOME", '"$HOME"', '"$$HOME"'),
        ("a b", '"a b"', '"a b"'),
        ('"x"', '"\\"x\\""', '"\\"x\\""'),
        ("back\\slash", '"back\\\\slash"', '"back\\\\slash"'),
        ("new\nline", '"new\\x0aline"', '"new\\x0aline"'),
        ("Müller", '"Müller"', '"Müller"'),
        ("\udcff", '"\\xff"', '"\\xff"'),
        (";", '";"', '";"'),
    ],
)
def test_words_are_escaped_as_systemd_reads_them(word: str, shown: str, in_command: str) -> None:
    assert escaped(word) == shown
    assert escaped(word, is_command=True) == in_command


@pytest.mark.parametrize("path", [str(STATE_DIR), ODD, "/srv/a\nb\udcff 100%x41", "/srv/'"])
def test_where_the_data_lies_is_read_out_of_the_unit_again(path: str) -> None:
    made = unit.text(Wanted(Path(sys.executable), (), False, Path(path)))
    assert (is_ours(made), data_dir_in(made)) == (True, Path(path))
    assert not is_ours("[Unit]\nDescription=Of somebody else\n")


def test_only_whole_paths_are_taken() -> None:
    with pytest.raises(ValueError, match="no whole path"):
        unit.text(Wanted(Path("python"), (), True, STATE_DIR))


def test_a_low_port_takes_the_one_capability_that_it_needs() -> None:
    assert "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n" in unit.text(UNITS["system-port"])
    assert "CapabilityBoundingSet=\n" in unit.text(UNITS["system"])


def test_where_users_may_make_no_name_spaces_the_filters_stay() -> None:
    made = unit.text(wanted(is_system=False, has_views=False))
    assert "ProtectSystem" not in made and "PrivateUsers" not in made
    assert "SystemCallFilter=@system-service\n" in made and "MemoryDenyWriteExecute=yes\n" in made


def test_a_folder_that_is_closed_to_others_is_named() -> None:
    with tempfile.TemporaryDirectory() as made:  # those of pytest are closed themselves
        base = Path(made).resolve()
        inside = base / "open" / "closed" / "inside"
        inside.mkdir(parents=True)
        for folder in (base, base / "open", inside):
            folder.chmod(0o755)
        assert closed_to_others([inside]) is None
        (base / "open" / "closed").chmod(0o750)
        assert closed_to_others([inside]) == base / "open" / "closed"
    assert closed_to_others([Path("/usr/bin")]) is None
