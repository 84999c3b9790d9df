"""Packets that somebody in the network made by hand: nothing crashes, and nothing reaches the terminal as it came."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

import pytest

from tests.discovery.neighbourhood import eventually, mediaserver, needs_namespaces, neighbourhood

pytestmark = needs_namespaces

MISCHIEF = textwrap.dedent(r"""
    import random, socket, struct, sys, time

    def label(raw): return bytes([len(raw)]) + raw
    def name(*labels): return b"".join(map(label, labels)) + b"\0"
    def record(owner, kind, data, ttl=120, klass=0x8001):
        return owner + struct.pack(">HHIH", kind, klass, ttl, len(data)) + data
    def answer(*records): return struct.pack(">6H", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)

    def server(instance, host, texts, port=4747, ip="10.99.0.9"):
        kind = name(b"_mediaserver", b"_tcp", b"local")
        full = label(instance) + kind
        return answer(
            record(kind, 12, full, klass=1),
            record(full, 33, struct.pack(">3H", 0, 0, port) + host),
            record(full, 16, b"".join(map(label, texts)) or b"\0"),
            record(host, 1, socket.inet_aton(ip)),
        )

    out = socket.socket(type=socket.SOCK_DGRAM)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.99.0.3"))
    out.bind(("10.99.0.3", 5353))
    dice = random.Random(4)
    evil = name(b"\x1b[2Jevil", b"local")
    good = server(b"Attic", name(b"attic", b"local"), [b"id=0123", b"version=9", b"path=/m/", b"tls=1"])
    packets = [
        server(b"\x1b[31mred", evil, []),
        server(
            b"\xe2\x80\xaeder\xc2\x9b31m\xe2\x80\xa8",
            evil,
            [b"id=\x1b]0;title\x07\n", b"version=\x9b1m\xff", b"path=/\x1b[1m"],
        ),
        server(b"Huge", evil, [b"version=" + b"A" * 240] + [b"%d=" % n + b"y" * 240 for n in range(30)]),
        server(b"Not text \xff\xfe", name(b"\xc3\x28", b"local"), [b"id"]),
        server(b"", evil, []), server(b"No port", evil, [], port=0), server(b"a.b.c", evil, [b"=", b"path=//x/../y"]),
        good,
    ]
    packets += [server(b"Many %d" % n, evil, [b"id=%d" % n]) for n in range(300)] if "many" in sys.argv else []
    pointer = b"\xc0\x0c\0\x0c\0\1\0\0\0\1\0\2\xc0\x0c"  # to itself
    loops = [answer() + pointer, struct.pack(">6H", 0, 0x8400, 0, 1, 0, 0) + pointer]
    claim = answer(record(name(b"music", b"local"), 1, socket.inet_aton("10.99.0.66")))
    claims = [claim] if "claims" in sys.argv else []
    while True:
        for packet in packets + claims:
            out.sendto(packet, ("224.0.0.251", 5353))
        for _ in range(40):
            junk = bytearray(dice.choice(packets + loops))
            for _ in range(dice.randrange(1, 6)):
                junk[dice.randrange(len(junk))] = dice.randrange(256)
            out.sendto(bytes(junk[: dice.randrange(1, len(junk) + 1)]), ("224.0.0.251", 5353))
            out.sendto(dice.randbytes(dice.randrange(0, 1400)), ("224.0.0.251", 5353))
        print("sent", flush=True)
        time.sleep(0.2)
""")
ASK = "import json, urllib.request as r; print(json.load(r.urlopen('http://10.99.0.1:4747/healthz'))['status'])"


def test_neither_the_server_nor_discover_is_harmed_by_what_others_send(tmp_path: Path) -> None:
    with neighbourhood(tmp_path, pi="10.99.0.1", laptop="10.99.0.2", stranger="10.99.0.3") as lan:
        server = lan.serve("pi")
        server.says("announced as Music at")
        sent = tmp_path / "sent"
        with sent.open("wb") as file:
            lan.start("stranger", sys.executable, "-c", MISCHIEF, output=file)
        eventually(sent.read_text, lambda text: text.count("sent\n") > 5)

        ended = lan.on("laptop", *mediaserver("discover", "--timeout", "2"))
        assert ended.returncode == 0, ended.stderr
        assert ended.stderr == ""
        assert all(line.isprintable() for line in ended.stdout.splitlines()), ended.stdout
        rows = {line.split("  ")[0]: line for line in ended.stdout.splitlines()[1:]}
        assert rows["Music"].startswith("Music")
        assert "http://10.99.0.1:4747/ " in rows["Music"]
        assert re.search(r"https://10\.99\.0\.9:4747/m/ +attic\.local +9 +yes +0123$", rows["Attic"])
        evil = rows[r"\u202eder\x9b31m\u2028"]
        assert r"\x1b[2Jevil.local" in evil
        assert r"\x1b]0;title\x07\n" in evil
        assert "http://10.99.0.9:4747/ " in evil
        assert max(map(len, ended.stdout.splitlines())) < 400
        assert {"Music", "Attic"} <= {one["name"] for one in lan.discover("laptop", timeout_s=2)}

        assert lan.on("pi", sys.executable, "-c", ASK).stdout == "ok\n"
        assert "Traceback" not in server.said
        assert server.said.count("mediaserver.discovery") == 1
        assert server.process.poll() is None
        server.end()
        assert server.process.returncode == 0


@pytest.mark.long
def test_who_claims_the_servers_name_makes_it_move_on_and_no_more(tmp_path: Path) -> None:
    with neighbourhood(tmp_path, pi="10.99.0.1", laptop="10.99.0.2", stranger="10.99.0.3") as lan:
        server = lan.serve("pi")
        server.says("announced as Music at")
        with (tmp_path / "sent").open("wb") as file:
            lan.start("stranger", sys.executable, "-c", MISCHIEF, "claims", "many", output=file)
        server.says(r"announced as Music \(2\) at http://music-2\.local:4747")
        assert len(lan.discover("laptop", timeout_s=2)) <= 100
        assert lan.on("pi", sys.executable, "-c", ASK).stdout == "ok\n"
        assert "Traceback" not in server.said
        server.end()
        assert server.process.returncode == 0
