"""Numbers for Prometheus: who may read them, what they count, and that they name nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from mediaserver.core.timings import BOUNDS_S, Timings
from tests.eventstream import listening
from tests.server import PASSWORD, Running, bearer

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def text_of(house: Running, token: str, accept: str = "") -> str:
    async with house.client.get(house.base + "/metrics", headers={**bearer(token), "Accept": accept}) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
        return await answer.text()


async def samples(house: Running, token: str) -> Samples:
    text = await text_of(house, token)
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type != "unknown", family.name
        for one in family.samples:
            key = (one.name, frozenset(one.labels.items()))
            assert key not in found, key
            found[key] = one.value
    return found


def value(of: Samples, name: str, **labels: str) -> float:
    return of.get((f"mediaserver_{name}", frozenset(labels.items())), 0.0)


async def test_administrators_alone_read_them(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin)
    for headers, status in (({}, 401), (bearer("ms_" + "x" * 43), 401), (bearer(listener), 403), (bearer(admin), 200)):
        async with house.client.get(house.base + "/metrics", headers=headers, allow_redirects=False) as answer:
            assert answer.status == status


async def test_both_formats_are_what_their_parsers_take(house: Running) -> None:
    admin = await house.sign_up()
    names = {one.name for one in text_string_to_metric_families(await text_of(house, admin))}
    assert {"mediaserver_http_requests", "mediaserver_http_request_seconds", "mediaserver_build_info"} <= names
    assert {"process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds"} <= names
    opened = await text_of(house, admin, "application/openmetrics-text; version=1.0.0")
    assert len(list(openmetrics(opened))) > 20


async def test_what_is_done_is_counted(house: Running) -> None:
    admin = await house.sign_up()
    before = await samples(house, admin)
    assert value(before, "tracks") == 10
    assert value(before, "albums") == 4
    assert value(before, "build_info") == 0  # it has labels
    (track, *_) = (await house.json("/api/v1/tracks", admin))["items"]
    playback = await house.json(f"/api/v1/tracks/{track['id']}/playback", admin)
    main = playback["hls"]["aac"]
    async with house.client.get(house.base + main) as answer:
        media = next(line for line in (await answer.text()).splitlines() if line and line[0] != "#")
    segment = f"{main.rsplit('/', 2)[0]}/{media.split('/')[1]}/0.m4s"
    for _ in range(3):
        async with house.client.get(house.base + segment) as answer:
            assert answer.status == 200
    body = {"name": "Admin", "password": "wrong" + PASSWORD}
    async with house.client.post(f"{house.base}/api/v1/session", json=body) as answer:
        assert answer.status == 401
    async with listening(house.client, f"{house.base}/api/v1/events", bearer(admin)):
        after = await samples(house, admin)
    media_route = {"route": "/e/{token}/{digest}/{recipe}/{file}", "method": "GET"}
    assert value(after, "http_requests_total", status="200", **media_route) == 4
    assert value(after, "http_request_seconds_count", **media_route) == 4
    assert value(after, "http_request_seconds_bucket", le="+Inf", **media_route) == 4
    sign_in = {"route": "/api/v1/session", "method": "POST"}
    assert value(after, "http_requests_total", status="401", **sign_in) == 1
    assert value(after, "segments_total", outcome="made") >= 1
    assert value(after, "segments_total", outcome="cached") >= 2
    assert value(after, "segment_encode_seconds_count") >= 1
    assert value(after, "cache_bytes", cache="sound") > 0
    assert value(after, "cache_limit_bytes", cache="sound") > value(after, "cache_bytes", cache="sound")
    assert value(after, "event_streams") == 1
    assert value(after, "http_connections") >= 2
    assert value(after, "workers_alive", pool="urgent") == 1
    assert value(after, "database_seconds_count", kind="read") > value(before, "database_seconds_count", kind="read")
    assert value(after, "database_seconds_count", kind="write") > 0
    for _ in range(100):  # the bus tells it a moment later
        if value(await samples(house, admin), "sign_in_failures_total") == 1:
            break
        await asyncio.sleep(0.05)
    assert value(await samples(house, admin), "sign_in_failures_total") == 1


async def test_labels_stay_few_and_name_nobody_whatever_is_asked(house: Running) -> None:
    admin = await house.sign_up()
    await house.listener(admin, "Veronika")
    for n in range(50):
        for method, path in (("GET", f"/nowhere/{n}"), ("GET", f"/api/v1/albums/{n}"), ("PROPFIND", "/")):
            async with house.client.request(method, f"{house.base}{path}?secret={n}", headers=bearer(admin)):
                pass
    text = await text_of(house, admin)
    assert 'route="none"' in text
    assert 'method="other"' in text
    for private in (
        "nowhere",
        "secret",
        "ODD",
        "Veronika",
        "Admin",
        admin,
        "127.0.0.1",
        str(house.data_dir),
        "Homogenic",
    ):
        assert private not in text, private
    assert len(text) < 60_000


def test_timings_are_counted_by_their_bounds() -> None:
    timings = Timings()
    for seconds in (0.0, BOUNDS_S[0], BOUNDS_S[0] * 1.01, 99.0):
        timings.add(seconds)
    counted = timings.cumulated()
    assert counted[:2] == [(str(BOUNDS_S[0]), 2), (str(BOUNDS_S[1]), 3)]
    assert counted[-2:] == [(str(BOUNDS_S[-1]), 3), ("+Inf", 4)]
    assert (timings.count, timings.sum_s) == (4, pytest.approx(99.0 + BOUNDS_S[0] * 2.01))


def test_the_guide_shows_how_they_are_read() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")
    assert "metrics_path" not in guide  # /metrics is Prometheus's own default
    assert "credentials_file: /etc/prometheus/mediaserver.token" in guide
