"""Reports of plays through the API: what is taken, from whom, and what administrators are shown of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mediaserver.http.api.qoe import MOST_REPORTS
from mediaserver.listening.allowance import AT_ONCE
from tests.eventstream import listening
from tests.http.test_metrics import samples, text_of, value
from tests.server import PASSWORD, Running, bearer

PATH = "/api/v1/qoe"


WRONG: list[tuple[str, Any]] = [
    *(("id", one) for one in ("", "short", "x" * 65, "with space", 7, None)),
    *(("track_id", one) for one in (0, -1, 2**64, "1", 1.5, None)),
    *(("started_at_ms", one) for one in (-1, 2**63, "now")),
    *(("first_sound_ms", one) for one in (-1, 86_400_001)),
    *(("played_ms", one) for one in (-1, 86_400_001, None)),
    *(("stalls", one) for one in (-1, 10_001, True)),
    ("stalled_ms", -1),
    ("switches", 10_001),
    ("buffered_ms", -5),
    ("bitrate_bps", 10**10),
    ("line_bps", -1),
    *(("family", one) for one in ("", "AAC", None)),
    *(("player", one) for one in ("", "x" * 65, "a\u0000b", "a\u202eb", " ")),
    ("network", "5g"),
    ("error", "oops"),
    ("followed", "yes"),
    ("surprise", 1),
]


def report(n: int, track_id: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"report-{n:04}",
        "track_id": track_id,
        "started_at_ms": time.time_ns() // 1_000_000 - 60_000,
        "first_sound_ms": 150,
        "played_ms": 60_000,
        "bitrate_bps": 290_000,
        "family": "aac",
        "player": "Radio",
        "network": "wifi",
        **fields,
    }


async def first_track(house: Running, token: str) -> int:
    found: int = (await house.json("/api/v1/tracks", token))["items"][0]["id"]
    return found


async def send(house: Running, token: str, *reports: dict[str, Any], status: int = 202, **more: Any) -> Any:
    return await house.json(PATH, token, method="POST", status=status, body={"reports": list(reports), **more})


async def test_a_player_reports_with_a_token_and_an_administrator_sees_it(house: Running) -> None:
    admin = await house.sign_up()
    anna = await house.listener(admin, "Anna")
    track = await first_track(house, anna)
    bad = report(1, track, stalls=2, stalled_ms=3000, switches=3, network="cellular", error="line", line_bps=90_000)
    assert await send(house, anna, report(0, track), bad) == {"taken": 2, "left_out": 0}
    assert await send(house, anna, report(0, track), bad) == {"taken": 0, "left_out": 0}, "sent once more"
    least = {name: report(2, track)[name] for name in ("id", "track_id", "started_at_ms", "played_ms", "player")}
    assert await send(house, admin, least) == {"taken": 1, "left_out": 0}
    told = await house.json(f"{PATH}?days=7", admin)
    total = told["total"]
    assert (total["plays"], total["stalled"], total["failed"], total["switches"]) == (3, 1, 1, 3)
    assert (total["first_sound_median_ms"], total["first_sound_p95_ms"], total["bitrate_bps"]) == (150, 150, 290_000)
    assert total["stalled_s_per_h"] == 60.0
    assert sum(day["plays"] for day in told["by_day"]) == 3
    assert {(one["network"], one["plays"]) for one in told["by_network"]} == {
        ("wifi", 1),
        ("cellular", 1),
        ("unknown", 1),
    }
    (shown,) = told["bad"]
    assert (shown["person"], shown["device"], shown["track_id"]) == ("Anna", "test", track)
    assert shown["title"] and shown["artist"]
    assert {name: shown[name] for name in bad if name != "id"} == {name: bad[name] for name in bad if name != "id"}
    assert (told["days"], told["findings"][0]["state"]) == (7, "ok")
    health = await house.json("/api/v1/health", admin)
    (row,) = [row for row in health["rows"] if row["area"] == "listening"]
    assert row["message"] == "as well as before, by 3 plays that were reported"


async def test_strangers_report_nothing_and_listeners_see_nothing(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin)
    track = await first_track(house, admin)
    async with house.client.post(house.base + PATH, json={"reports": [report(0, track)]}) as answer:
        assert answer.status == 401
    await house.json(PATH, listener, status=403)
    assert (await house.json(PATH, admin))["total"]["plays"] == 0


async def test_a_browser_reports_with_its_csrf_token_alone(house: Running) -> None:
    admin = await house.sign_up()
    track = await first_track(house, admin)
    body = {"name": "Admin", "password": PASSWORD}
    async with house.client.post(f"{house.base}/api/v1/session", json=body) as answer:
        cookie, csrf = answer.cookies["mediaserver_session"].value, (await answer.json())["csrf"]
    for headers, status in (({}, 403), ({"X-CSRF-Token": "wrong"}, 403), ({"X-CSRF-Token": csrf}, 202)):
        told = {"Cookie": f"mediaserver_session={cookie}", **headers}
        async with house.client.post(house.base + PATH, json={"reports": [report(0, track)]}, headers=told) as answer:
            assert answer.status == status


async def test_tracks_that_there_are_not_are_left_out_and_the_rest_is_taken(house: Running) -> None:
    admin = await house.sign_up()
    track = await first_track(house, admin)
    odd = report(1, 2**62)
    assert await send(house, admin, report(0, track), odd) == {"taken": 1, "left_out": 1}
    assert await send(house, admin) == {"taken": 0, "left_out": 0}


async def test_what_is_wrong_is_named_and_nothing_of_it_is_kept(house: Running) -> None:
    admin = await house.sign_up()
    track = await first_track(house, admin)
    for field, wrong in WRONG:
        told = await send(house, admin, report(0, track), {**report(1, track), field: wrong}, status=400)
        assert told["field"].rpartition(".")[2] == field, (field, wrong, told)
    for wrong in (-1, 1_000_001, "1"):
        assert (await send(house, admin, dropped=wrong, status=400))["field"] == "dropped"
    for body in ({}, {"reports": None}, {"reports": {}}, [], None):
        await house.json(PATH, admin, method="POST", status=400, body=body)
    for days in ("0", "91", "x"):
        assert (await house.json(f"{PATH}?days={days}", admin, status=400))["field"] == "days"
    assert (await house.json(PATH, admin))["total"]["plays"] == 0


async def test_a_body_of_too_many_is_refused_whole(house: Running) -> None:
    admin = await house.sign_up()
    track = await first_track(house, admin)
    told = await send(house, admin, *(report(n, track) for n in range(MOST_REPORTS + 1)), status=400)
    assert told["field"] == "reports"
    assert (await house.json(PATH, admin))["total"]["plays"] == 0


async def test_who_reports_without_end_is_asked_to_wait_and_nobody_else(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin)
    track = await first_track(house, admin)
    batches = [[report(n + most, track) for n in range(MOST_REPORTS)] for most in range(0, AT_ONCE, MOST_REPORTS)]
    for batch in batches:
        await send(house, listener, *batch)
    async with house.client.post(house.base + PATH, json={"reports": batches[0]}, headers=bearer(listener)) as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0
    assert await send(house, admin, report(0, track)) == {"taken": 1, "left_out": 0}


async def test_who_is_removed_is_in_no_figure_any_more(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin)
    track = await first_track(house, admin)
    await send(house, listener, report(0, track, stalls=1))
    me = (await house.json("/api/v1/me", listener))["user"]["id"]
    await house.json(f"/api/v1/users/{me}", admin, method="DELETE", status=204)
    told = await house.json(PATH, admin)
    assert (told["total"]["plays"], told["bad"]) == (0, [])


async def test_numbers_for_prometheus_count_plays_and_name_nobody(house: Running) -> None:
    admin = await house.sign_up()
    track = await first_track(house, admin)
    stalled = report(1, track, stalls=2, stalled_ms=3500, first_sound_ms=3000)
    following = report(2, track, followed=True, first_sound_ms=0)
    failed = report(3, track, error="gone", played_ms=0, first_sound_ms=None)
    await send(house, admin, report(0, track), stalled, following, failed, dropped=3)
    await send(house, admin, stalled)
    found = await samples(house, admin)
    assert value(found, "plays_total") == 4
    assert value(found, "plays_failed_total", error="gone") == 1
    assert value(found, "listened_seconds_total") == 180
    assert (value(found, "stalls_total"), value(found, "stalled_seconds_total")) == (2, 3.5)
    assert value(found, "reports_dropped_total") == 3
    assert value(found, "first_sound_seconds_count") == 2
    assert value(found, "first_sound_seconds_bucket", le="1.0") == 1
    assert "Radio" not in await text_of(house, admin)


async def test_when_it_has_become_worse_health_says_so_and_everybody_is_told_without_names(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin, "Anna")
    track = await first_track(house, admin)
    week_ms = 7 * 86_400_000
    now_ms = time.time_ns() // 1_000_000
    await send(house, listener, *(report(n, track, started_at_ms=now_ms - week_ms) for n in range(80)))
    stops = {"stalls": 1, "stalled_ms": 2000, "player": "Kitchen", "network": "cellular"}
    await send(
        house,
        listener,
        *(report(100 + n, track, **stops) for n in range(20)),
        *(report(200 + n, track) for n in range(20)),
    )
    health = await house.json("/api/v1/health", admin)
    (row,) = [row for row in health["rows"] if row["area"] == "listening"]
    assert (row["name"], row["state"], row["is_command"]) == ("Stops in the music", "warning", False)
    assert row["message"] == (
        "20 of 40 plays of the last 3 hours stopped in the middle (50%); in the four weeks before, none;"
        " most of them with Kitchen over mobile networks"
    )
    assert "lower quality" in row["remedy"]
    assert (await house.json(PATH, admin))["findings"] == [
        {name: row[name] for name in ("name", "state", "message", "remedy")}
    ]
    async with house.client.get(house.base + "/healthz") as answer:
        warnings = (await answer.json())["warnings"]
    assert "Music stops in the middle more often than before." in warnings
    assert "Anna" not in str(warnings)
    assert "Kitchen" not in str(warnings)


@pytest.mark.long
async def test_when_it_has_become_worse_those_who_listen_to_events_are_told(house: Running) -> None:
    """Long: warnings are looked at every fifteen seconds."""
    admin = await house.sign_up()
    track = await first_track(house, admin)
    now_ms = time.time_ns() // 1_000_000
    await send(house, admin, *(report(n, track, started_at_ms=now_ms - 7 * 86_400_000) for n in range(80)))
    async with listening(house.client, f"{house.base}/api/v1/events?types=health", bearer(admin)) as ear:
        await send(house, admin, *(report(100 + n, track, stalls=1) for n in range(40)))
        await house.json("/api/v1/health", admin)
        heard = await ear.until("health")
    assert heard.data == {"warnings": ["Music stops in the middle more often than before."]}
