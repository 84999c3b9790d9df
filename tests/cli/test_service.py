"""`mediaserver service` on a machine that a real systemd runs: as a service of the system, and of a user."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.booted import LIMIT_S, PYTHON, ROOT, Booted, booted, is_possible
from tests.cli.command import Command

pytestmark = pytest.mark.skipif(
    not is_possible(), reason="left out: services of systemd: install systemd and iproute2, and run as root"
)
UNIT = "/etc/systemd/system/mediaserver.service"
ODD = '/srv/100% of "Mü\'ller" $HOME \\ é'
# Makes the first account, then asks for covers and both families' first segments: workers decode and encode.
PLAYS = """
import json, re, sys, urllib.parse, urllib.request
base, link = sys.argv[1].split("/setup?link=")
def ask(path, body=None, **headers):
    data = json.dumps(body).encode() if body is not None else None
    headers["Content-Type"] = "application/json"
    asked = urllib.request.Request(urllib.parse.urljoin(base + "/", path), data, headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return answer.read(), answer.headers
_, headers = ask("/api/v1/setup", {"link": link, "name": "anna", "password": "correct horse"})
cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
albums = json.loads(ask("/api/v1/albums", **cookie)[0])["items"]
cover = next(one["cover"] for one in albums if one["cover"])
print("cover", len(ask(cover, **cookie)[0]) > 100)
for track in json.loads(ask("/api/v1/tracks", **cookie)[0])["items"]:
    playback = json.loads(ask(f"/api/v1/tracks/{track['id']}/playback", **cookie)[0])
    for family, address in playback["hls"].items():
        while ".m3u8" in address:
            text = ask(address)[0].decode()
            named = next(line for line in text.splitlines() if line and not line.startswith("#"))
            address = urllib.parse.urljoin(address, named)
        print(family, len(ask(address)[0]) > 100)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, seeded_library: Path) -> Iterator[Booted]:
    with booted(tmp_path_factory.mktemp("machine"), seeded_library) as one:
        yield one


@pytest.fixture
def installed(machine: Booted) -> Iterator[str]:
    """What the installation printed."""
    yield machine.mediaserver("service", "install", "/srv/music", "--host", "127.0.0.1")
    machine.mediaserver("service", "remove", code=None)
    machine.run("rm", "-rf", "/var/lib/mediaserver", "/var/lib/private/mediaserver", f"{UNIT}.d")


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def setup_link(said: str) -> str:
    found = re.search(r"^  (http://\S+/setup\?link=\S+)$", said, re.M)
    assert found is not None, said
    return found[1]


def test_it_is_installed_serves_in_its_sandbox_and_is_removed(machine: Booted, installed: str) -> None:
    assert f"Written: {UNIT}" in installed
    assert "It runs, and will after every start of the machine." in installed
    assert machine.run("systemctl", "is-enabled", "mediaserver").strip() == "enabled"
    link = setup_link(installed)
    until(lambda: "scan done: 10 files, 10 read" in machine.run("journalctl", "-u", "mediaserver", "--no-pager"))
    played = machine.run(PYTHON, "-c", PLAYS, link).split("\n")
    assert {"cover True", "aac True", "flac True"} <= set(played)
    assert not any("False" in line for line in played)

    main = machine.property("MainPID")
    status = machine.run("cat", f"/proc/{main}/status")
    for line in ("CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        assert line in status
    assert not re.search(r"^Uid:\t0\t", status, re.M)
    mounts = machine.run("cat", f"/proc/{main}/mountinfo")
    assert re.search(r" / / ro,", mounts), mounts
    assert machine.property("OOMScoreAdjust") == "-200"
    assert machine.run("find", "/srv/music", "-newer", UNIT) == ""

    told = machine.mediaserver("service", "status")
    assert re.search(rf"installed  {UNIT}\nenabled    yes\nrunning    since .*process {main}", told)
    assert "http://127.0.0.1:4747" in told
    assert "scan done: 10 files" in told
    assert "Nobody can sign in" not in told
    journal = machine.run("journalctl", "-u", "mediaserver", "--no-pager", "-o", "cat")
    assert "service status shows the link" in journal
    assert link.rpartition("=")[2] not in journal
    assert "scan done" in machine.run("journalctl", "-u", "mediaserver", "-p", "info", "-o", "cat", "--no-pager")
    assert "scan done" not in machine.run("journalctl", "-u", "mediaserver", "-p", "warning", "--no-pager")

    as_nobody = ("runuser", "-u", "nobody", "--", "env", "HOME=/nonexistent", PYTHON, "-P", "-m", "mediaserver")
    # Without D-Bus, systemd answers to root alone; that there is one of the system is seen all the same.
    seen = machine.run(*as_nobody, "service", "status", code=1)
    assert seen == f"installed  {UNIT}\nrunning    not known: systemd tells this user nothing\n"
    made = machine.mediaserver("token", "create", "anna", "--name", "script", "--data-dir", "/var/lib/mediaserver")
    assert "token 1 for anna" in made

    doctor = machine.mediaserver("doctor", "--data-dir", "/var/lib/mediaserver", code=None)
    assert "the server listens there" in doctor
    refused = machine.mediaserver("serve", "--data-dir", "/var/lib/mediaserver", "--port", "0", code=1)
    assert "another server runs on /var/lib/mediaserver" in refused

    machine.run("mkdir", f"{UNIT}.d")
    removed = machine.mediaserver("service", "remove")
    assert removed == f"Removed: {UNIT}\nWhat it kept stays in /var/lib/mediaserver.\n"
    journal = machine.run("journalctl", "-u", "mediaserver", "--no-pager", "-n", "30", "-o", "short-precise")
    assert machine.property("ActiveState") == "inactive", journal
    machine.run("test", "!", "-e", UNIT)
    machine.run("test", "!", "-e", "/etc/systemd/system/multi-user.target.wants/mediaserver.service")
    machine.run("test", "-e", "/var/lib/private/mediaserver/mediaserver.db")
    machine.run("test", "-e", f"{UNIT}.d")  # the administrator's
    assert "Not installed" in machine.mediaserver("service", "status", code=1)
    assert "Not installed" in machine.mediaserver("service", "remove")


@pytest.mark.long
def test_it_comes_back_after_being_killed_and_after_hanging(machine: Booted, installed: str) -> None:
    machine.run("mkdir", f"{UNIT}.d")
    quick = f"printf '[Service]\\nRestartSec=100ms\\nWatchdogSec=3\\n' >{UNIT}.d/quick.conf"
    machine.run("sh", "-c", quick)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "mediaserver")
    for signal, restarts in (("-KILL", "1"), ("-STOP", "2")):
        before = machine.property("MainPID")
        machine.run("kill", signal, before)
        until(lambda restarts=restarts: machine.property("NRestarts") == restarts)
        until(
            lambda before=before: machine.property("ActiveState") == "active" and machine.property("MainPID") != before
        )
        assert "started anew" in machine.mediaserver("service", "status")


def test_settings_that_are_wrong_do_not_let_it_start_again_and_again(machine: Booted, installed: str) -> None:
    machine.run("sh", "-c", "printf '[server]\\nport = 1000000\\n' >/etc/music.toml")
    machine.run("sed", "-i", r"s/^ExecStart=.*/& --config \/etc\/music.toml/", UNIT)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "mediaserver", code=1)
    assert (machine.property("ActiveState"), machine.property("NRestarts")) == ("failed", "0")
    assert "running    no (failed, failed, exit-code)" in machine.mediaserver("service", "status", code=1)


def test_odd_paths_a_user_and_settings_that_only_root_reads(machine: Booted, seeded_library: Path) -> None:
    data = "/home/ben/the data 5%"
    machine.run("useradd", "--create-home", "ben")
    machine.run("cp", "-r", "/srv/music", ODD)
    machine.run("sh", "-c", "umask 077; printf '[server]\\nname = \"Cellar\"\\nport = 80\\n' >/etc/mu%sic.toml")
    words = ["--run-as", "ben", "--data-dir", data, "--config", "/etc/mu%sic.toml", "--host", "127.0.0.1"]
    said = machine.mediaserver("service", "install", ODD, *words)
    try:
        assert "http://127.0.0.1/setup" in said
        main = machine.property("MainPID")
        arguments = machine.run("cat", f"/proc/{main}/cmdline").split("\0")
        assert arguments[5] == ODD
        assert data in arguments
        until(lambda: "10 new" in machine.run("journalctl", "-u", "mediaserver", "--no-pager", "-o", "cat"))
        assert machine.run("stat", "-c", "%U %a", data).strip() == "ben 700"
        assert "Cellar is at" in machine.run("journalctl", "-u", "mediaserver", "--no-pager", "-o", "cat")
    finally:
        machine.mediaserver("service", "remove", code=None)


def test_what_the_service_could_not_do_is_told_before_anything_is_written(machine: Booted) -> None:
    machine.run("mkdir", "-m", "700", "-p", "/home/anna/Music")
    machine.run("chmod", "700", "/home/anna")
    for words, told in (
        (["/home/anna/Music"], "/home/anna is closed to the service's own user: --run-as"),
        (["/tmp"], "temporary"),
        (["/srv/music", "--run-as", "nobody-of-that-name"], "there is no user nobody-of-that-name"),
        (["/srv/music", "--data-dir", "/srv/data"], "--data-dir needs --run-as USER"),
    ):
        assert told in machine.mediaserver("service", "install", *words, code=2)
    machine.run("test", "!", "-e", UNIT)
    machine.run("sh", "-c", f"echo '[Unit]' >{UNIT}")
    try:
        for action in ("install", "remove"):
            refused = machine.mediaserver("service", action, code=1)
            assert "was not written by mediaserver: it is left alone" in refused
        assert machine.run("cat", UNIT) == "[Unit]\n"
    finally:
        machine.run("rm", UNIT)


def test_a_service_of_a_user(machine: Booted) -> None:
    machine.run("useradd", "--create-home", "--uid", "1500", "clara")
    manager = [
        "[Service]\nUser=clara\nDelegate=yes\nType=notify\nEnvironment=XDG_RUNTIME_DIR=/run/user/1500",
        "ExecStartPre=+/bin/mkdir -p /run/user/1500\nExecStartPre=+/bin/chown clara: /run/user/1500",
        "ExecStart=/lib/systemd/systemd --user --unit=basic.target\n",
    ]
    machine.run("sh", "-c", "printf '%s\\n' \"$1\" >/etc/systemd/system/clara.service", "sh", "\n".join(manager))
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "clara")

    def claras(*words: str, code: int | None = 0) -> str:
        as_clara = ["runuser", "-u", "clara", "--", "env", "XDG_RUNTIME_DIR=/run/user/1500", "HOME=/home/clara"]
        return machine.run(*as_clara, *words, code=code)

    program = (PYTHON, "-P", "-m", "mediaserver", "service")
    refused = claras(*program, "install", "--system", "/srv/music", code=2)
    assert "a service of the system is root's matter" in refused
    said = claras(*program, "install", "/srv/music", "--host", "127.0.0.1", "--port", "4748")
    unit = "/home/clara/.config/systemd/user/mediaserver.service"
    assert f"Written: {unit}" in said
    assert "whenever you are signed in" in said
    assert "sudo loginctl enable-linger clara" in said
    played = machine.run(PYTHON, "-c", PLAYS, setup_link(said)).split("\n")
    assert {"cover True", "aac True", "flac True"} <= set(played)
    main = claras("systemctl", "--user", "show", "mediaserver", "--property=MainPID", "--value").strip()
    assert re.search(r" / / ro,", machine.run("cat", f"/proc/{main}/mountinfo"))
    assert "running    since" in claras(*program, "status")
    assert f"Removed: {unit}" in claras(*program, "remove")
    machine.run("test", "-e", "/home/clara/.local/share/mediaserver/mediaserver.db")
    machine.run("systemctl", "stop", "clara")


BEGIN = (
    'set -ex; sudo() { "$@"; }; cd /srv; export HOME=/srv; ln -sfn /srv/music Music; mkdir -p .venv/bin;'
    f" printf '#!/bin/sh\\nexec {PYTHON} -P -m mediaserver \"$@\"' >.venv/bin/mediaserver;"
    " chmod +x .venv/bin/mediaserver; "
)


def of_the_page(title: str) -> list[str]:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)


def test_the_page_s_commands_for_a_service_do_what_it_says(machine: Booted) -> None:
    whole, run_as, _, looked_at = of_the_page("As a service")
    machine.run("useradd", "--create-home", "anna", code=None)
    assert "running    since" in machine.run("sh", "-c", BEGIN + whole)
    machine.mediaserver("service", "remove")
    assert "It runs" in machine.run("sh", "-c", BEGIN + run_as)
    machine.mediaserver("service", "remove")
    said = machine.run("sh", "-c", BEGIN + looked_at)
    assert re.search(r"Overall exposure level for mediaserver.service: 1\.", said)


def test_a_cache_on_another_disk_is_the_service_s_own(machine: Booted) -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8").partition("\n## As a service")[0]
    (setting,) = re.findall(r"^```toml\n(.*?)^```", page, re.M | re.S)
    machine.run("rm", "-rf", "/var/lib/mediaserver")
    machine.run("mkdir", "-p", "/var/lib/mediaserver")
    machine.run("sh", "-c", f"printf %s {shlex.quote(setting)} >/var/lib/mediaserver/config.toml")
    try:
        link = setup_link(machine.mediaserver("service", "install", "/srv/music", "--host", "127.0.0.1"))
        played = machine.run(PYTHON, "-c", PLAYS, link).split("\n")
        assert {"cover True", "aac True", "flac True"} <= set(played)
        until(lambda: "/srv/cache/segments/" in machine.run("find", "/srv/cache", "-name", "*.m4s"))
        machine.run("test", "!", "-e", "/var/lib/mediaserver/cache")
        # One that is somebody's is left alone, with a word.
        machine.mediaserver("service", "remove")
        machine.run("chown", "-R", "root:", "/srv/cache")
        said = machine.mediaserver("service", "install", "/srv/music", "--host", "127.0.0.1")
        assert "sudo chown -R --reference=/var/lib/mediaserver/ /srv/cache" in said
    finally:
        machine.mediaserver("service", "remove", code=None)
        machine.run("rm", "-rf", "/var/lib/mediaserver", "/var/lib/private/mediaserver", "/srv/cache")


@pytest.mark.long
def test_a_backup_of_a_service_brings_its_people_back_on_a_new_machine(machine: Booted) -> None:
    """All in the page's words; on the new machine systemd has made up another user, whose the data then is."""
    _, _, mounts, install = of_the_page("On a Raspberry Pi")
    _, make, _, bring_back, _ = of_the_page("Backup")
    assert mounts.splitlines()[0] == "sudo mkdir -p /srv/music"
    try:
        said = machine.run("sh", "-c", BEGIN + install)
        assert re.search(r"^ ?\S+ +Database +SQLite", said, re.M), said
        added = ("user", "add", "clara", "--admin", "--password-stdin", "--data-dir", "/var/lib/mediaserver")
        machine.run("sh", "-c", f"echo correct horse battery | {PYTHON} -P -m mediaserver {' '.join(added)}")
        machine.run("sh", "-c", BEGIN + make)
        # As from a machine on which the made-up user had another number.
        again = "cd $(mktemp -d); tar -xf /srv/music.tar; tar -cf /srv/music.tar --owner=64999 --group=64999 *"
        machine.run("sh", "-ec", again)
        machine.mediaserver("service", "remove")
        machine.run("sh", "-c", "rm -rf /var/lib/mediaserver /var/lib/private/mediaserver")
        machine.mediaserver("service", "install", "/srv/music", "--host", "127.0.0.1")
        machine.run("touch", "/var/lib/mediaserver/older")
        machine.run("sh", "-ec", "cd /srv; mv music.tar whole.tar; head -c 3000 whole.tar >music.tar")
        machine.run("sh", "-c", BEGIN + bring_back, code=None)
        machine.run("systemctl", "is-active", "mediaserver")
        machine.run("ls", "/var/lib/mediaserver/older")
        machine.run("mv", "/srv/whole.tar", "/srv/music.tar")
        machine.run("sh", "-c", BEGIN + bring_back)
        assert {"older", "mediaserver.db"} <= set(machine.run("ls", "/var/lib/mediaserver.before").split())
        assert "older" not in machine.run("ls", "/var/lib/mediaserver/")
        machine.run("systemctl", "is-active", "mediaserver")
        assert "Nobody can sign in" not in machine.mediaserver("service", "status")
        assert machine.mediaserver("user", "list", "--data-dir", "/var/lib/mediaserver") == "clara\tadministrator\n"
        owners = machine.run("find", "/var/lib/private/mediaserver", "-printf", "%u\\n").split()
        assert len(set(owners)) == 1
        assert owners[0] != "root"
    finally:
        machine.mediaserver("service", "remove", code=None)
        machine.run("rm", "-rf", "/var/lib/mediaserver", "/var/lib/private/mediaserver", "/srv/music.tar")
        machine.run("rm", "-rf", "/var/lib/mediaserver.before")


async def test_where_there_is_no_systemd_it_says_so_in_one_line(tmp_path: Path) -> None:
    if Path("/run/systemd/system").exists():
        pytest.skip("not here: this machine is run by systemd")
    command = Command(Path("/var/lib/none of ours"), "")
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}
    ended = await command.run("service", "install", "/usr/share", "--user", **home)
    told = "mediaserver: this system is not run by systemd: let what it has instead start `mediaserver serve`\n"
    assert (ended.code, ended.err) == (1, told)
    assert "Not installed" in (await command.run("service", "remove", "--user", **home)).out
    printed = await command.run("service", "install", "/usr/share", "--user", "--print", **home)
    assert printed.out.startswith("# Written by `mediaserver service install`")
    assert not command.data_dir.exists()
    assert list(tmp_path.iterdir()) == []
