"""Set-up, signing in and out, tokens, people: through the doors, as a browser and a program would."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from mediaserver.core.clock import SystemClock
from mediaserver.storage import open_database
from tests.server import PASSWORD, Running, bearer


async def post(house: Running, path: str, body: Any, **headers: str) -> tuple[int, Any, Any]:
    async with house.client.post(house.base + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json(), answer.cookies


async def test_the_setup_link_makes_one_administrator_even_for_two_at_once(house: Running) -> None:
    body = {"link": house.server.setup_link, "name": "One", "password": PASSWORD}
    both = await asyncio.gather(
        post(house, "/api/v1/setup", body), post(house, "/api/v1/setup", {**body, "name": "Two"})
    )
    assert sorted(status for status, *_ in both) == [201, 403]
    status, problem, _ = await post(house, "/api/v1/setup", body)
    assert (status, problem["title"]) == (403, "Forbidden")


async def test_what_is_wrong_in_a_body_is_named(house: Running) -> None:
    for body, field in [
        ({"link": "x", "name": "n"}, "password"),
        ({"link": "x", "name": 5, "password": "p"}, "name"),
        ({"link": "x", "name": "n", "password": "p", "more": 1}, "more"),
    ]:
        status, problem, _ = await post(house, "/api/v1/setup", body)
        assert (status, problem["field"]) == (400, field), body


async def test_names_and_passwords_have_rules(house: Running) -> None:
    admin = await house.sign_up()
    for body, field in (
        ({"name": "", "password": PASSWORD}, "name"),
        ({"name": "a\0b", "password": PASSWORD}, "name"),
        ({"name": "a\u202eb", "password": PASSWORD}, "name"),
        ({"name": "x" * 65, "password": PASSWORD}, "name"),
        ({"name": "ok", "password": "short"}, "password"),
        ({"name": "ok", "password": "x" * 1025}, "password"),
        ({"name": "ok", "password": PASSWORD, "max_rank": 100}, "max_rank"),
    ):
        problem = await house.json("/api/v1/users", admin, method="POST", status=400, body=body)
        assert problem["field"] == field, body
    await house.listener(admin, "Zoë")
    await house.json("/api/v1/users", admin, method="POST", status=409, body={"name": " ZOË ", "password": PASSWORD})


async def test_the_cookie_is_sealed_and_writing_needs_its_csrf_token(house: Running) -> None:
    await house.sign_up()
    async with house.client.post(
        f"{house.base}/api/v1/session", json={"name": "admin", "password": PASSWORD}
    ) as answer:
        cookie = answer.cookies["mediaserver_session"]
        csrf = (await answer.json())["csrf"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert not cookie["secure"]  # plain http in the house
    as_browser = {"Cookie": f"mediaserver_session={cookie.value}"}
    for headers, status in ((as_browser, 403), ({**as_browser, "X-CSRF-Token": csrf[:-1] + "!"}, 403)):
        async with house.client.post(f"{house.base}/api/v1/tokens", json={"name": "x"}, headers=headers) as answer:
            assert answer.status == status
    async with house.client.get(f"{house.base}/api/v1/me", headers=as_browser) as answer:
        assert (await answer.json())["csrf"] == csrf
    headers = {**as_browser, "X-CSRF-Token": csrf}
    async with house.client.delete(f"{house.base}/api/v1/session", headers=headers) as answer:
        assert answer.status == 204
    async with house.client.get(f"{house.base}/api/v1/me", headers=as_browser) as answer:
        assert answer.status == 401


async def test_the_cookie_of_a_session_in_use_is_sent_again_with_its_new_end(house: Running, database_url: str) -> None:
    await house.sign_up()
    async with house.client.post(
        f"{house.base}/api/v1/session", json={"name": "admin", "password": PASSWORD}
    ) as answer:
        secret = answer.cookies["mediaserver_session"].value
        csrf = (await answer.json())["csrf"]
    cookie = {"Cookie": f"mediaserver_session={secret}"}

    async def sent_again(path: str, method: str = "GET") -> Any:
        async with house.client.request(
            method, house.base + path, headers={**cookie, "X-CSRF-Token": csrf}, allow_redirects=False
        ) as answer:
            assert answer.status < 400, path
            return answer.cookies.get("mediaserver_session")

    database = await open_database(database_url, house.data_dir, SystemClock())

    async def a_day_passes() -> None:
        async with database.write() as tx:
            await tx.run("UPDATE sessions SET expires_at_ms = expires_at_ms - 86400000")

    assert await sent_again("/api/v1/me") is None
    cover = next(one["cover"] for one in (await house.json("/api/v1/albums", await house.sign_in("Admin")))["items"])
    for path in ("/api/v1/me", "/", "/api/v1/tokens"):
        await a_day_passes()
        assert await sent_again(cover) is None, "an answer that a cache keeps must not carry it"
        again = await sent_again(path)
        assert again is not None, path
        assert again.value == secret
        assert again["httponly"]
        assert again["samesite"] == "Lax"
        assert 0 <= 30 * 86_400 - int(again["max-age"]) < 60
        assert await sent_again(path) is None, "once is enough"
    await a_day_passes()
    gone = await sent_again("/api/v1/session", "DELETE")
    assert gone is not None
    assert gone.value == ""
    await database.close()


async def test_another_sites_page_cannot_sign_anybody_in(house: Running) -> None:
    await house.sign_up()
    body = {"name": "Admin", "password": PASSWORD}
    status, _, _ = await post(house, "/api/v1/session", body, Origin="http://evil.example")
    assert status == 403
    status, _, _ = await post(house, "/api/v1/session", body, Origin=house.base)
    assert status == 200


def waits_s(failures: int) -> int:
    """How long the next guess has to wait after that many: the guide promises 5 free ones, then 2 s, 4 s, 8 s, ..."""
    return 0 if failures < 5 else int(2 ** (failures - 4))


async def test_guessing_is_slowed_down_and_the_right_password_has_to_wait_too(house: Running) -> None:
    await house.sign_up()
    wrong, right = ({"name": "Admin", "password": password} for password in ("wrong horse", PASSWORD))
    tried_at_s = [time.monotonic()]
    while (await post(house, "/api/v1/session", wrong))[0] == 401:
        tried_at_s.append(time.monotonic())
    began_s = time.monotonic()
    async with house.client.post(f"{house.base}/api/v1/session", json=right) as answer:
        if time.monotonic() - tried_at_s[-2] < waits_s(len(tried_at_s) - 1):
            assert answer.status == 429
            assert 1 <= int(answer.headers["Retry-After"]) <= waits_s(len(tried_at_s) - 1)
    assert len(tried_at_s) - 1 >= 5
    # On a slow machine a wait may be over before the next guess comes: then that one was allowed too.
    for n in range(5, len(tried_at_s) - 1):
        assert tried_at_s[n + 1] - tried_at_s[n - 1] >= waits_s(n), "a guess came through before its time"
    assert time.monotonic() - began_s < 60


async def test_a_wrong_name_and_a_wrong_password_are_not_told_apart(house: Running) -> None:
    await house.sign_up()
    answers = [
        await post(house, "/api/v1/session", {"name": name, "password": "wrong horse"}) for name in ("Admin", "nobody")
    ]
    assert answers[0][:2] == answers[1][:2]
    assert answers[0][0] == 401


async def test_what_is_no_name_cannot_sign_in(house: Running) -> None:
    for name in ["Admin\0", "\0", "Ad\u202emin", "", "x" * 100_000]:
        status, problem, _ = await post(house, "/api/v1/session", {"name": name, "password": PASSWORD})
        assert (status, problem["field"]) == (400, "name"), name[:20]


async def test_many_guesses_at_once_gain_nothing(house: Running) -> None:
    await house.sign_up()
    wrong = {"name": "Admin", "password": "wrong horse"}
    began_s = time.monotonic()
    answers = await asyncio.gather(*(post(house, "/api/v1/session", wrong) for _ in range(20)))
    took_s = time.monotonic() - began_s
    guessed = sum(status == 401 for status, *_ in answers)
    assert {status for status, *_ in answers} == {401, 429}
    assert sum(waits_s(n) for n in range(5, guessed)) <= took_s, "more than five, before a wait was over"


async def test_tokens_are_listed_without_secrets_and_end_at_once(house: Running) -> None:
    token = await house.sign_up()
    made = await house.json("/api/v1/tokens", token, method="POST", status=201, body={"name": "phone"})
    listed = await house.json("/api/v1/tokens", token)
    assert {"phone", "test"} == {one["name"] for one in listed["items"]}
    assert made["token"] not in str(listed)
    await house.json("/api/v1/me", made["token"])
    await house.json(f"/api/v1/tokens/{made['id']}", token, method="DELETE", status=204)
    await house.json("/api/v1/me", made["token"], status=401)
    await house.json(f"/api/v1/tokens/{made['id']}", token, method="DELETE", status=404)


async def test_nobody_revokes_what_belongs_to_others(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin)
    mine = (await house.json("/api/v1/tokens", admin))["items"][0]["id"]
    await house.json(f"/api/v1/tokens/{mine}", listener, method="DELETE", status=404)
    session = (await house.json("/api/v1/sessions", admin))["items"][0]["id"]
    await house.json(f"/api/v1/sessions/{session}", listener, method="DELETE", status=404)


async def test_listeners_administer_nothing(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin)
    for method, path in (
        ("GET", "/api/v1/users"),
        ("POST", "/api/v1/users"),
        ("PATCH", "/api/v1/users/1"),
        ("DELETE", "/api/v1/users/1"),
        ("POST", "/api/v1/scan"),
        ("GET", "/api/v1/scan/problems"),
    ):
        await house.json(path, listener, method=method, status=403, body={} if method in ("POST", "PATCH") else None)


async def test_the_last_administrator_stays(house: Running) -> None:
    admin = await house.sign_up()
    me = (await house.json("/api/v1/me", admin))["user"]["id"]
    await house.json(f"/api/v1/users/{me}", admin, method="DELETE", status=409)
    await house.json(f"/api/v1/users/{me}", admin, method="PATCH", status=409, body={"admin": False})
    second = await house.listener(admin, "Second", admin=True)
    other = (await house.json("/api/v1/me", second))["user"]["id"]
    both = await asyncio.gather(
        house.client.delete(f"{house.base}/api/v1/users/{me}", headers=bearer(second)),
        house.client.delete(f"{house.base}/api/v1/users/{other}", headers=bearer(admin)),
    )
    assert sum(answer.status == 204 for answer in both) == 1


async def test_a_change_of_a_person_that_is_refused_changes_nothing(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin, max_rank=20)
    before = await house.json("/api/v1/me", listener)
    sessions = await house.json("/api/v1/sessions", listener)
    path = f"/api/v1/users/{before['user']['id']}"
    for body, field in (
        ({"admin": True, "max_rank": 99, "password": "short"}, "password"),
        ({"admin": True, "max_rank": 100, "password": "another horse"}, "max_rank"),
    ):
        problem = await house.json(path, admin, method="PATCH", status=400, body=body)
        assert problem["field"] == field
        assert await house.json("/api/v1/me", listener) == before
    me = (await house.json("/api/v1/me", admin))["user"]["id"]
    await house.json(
        f"/api/v1/users/{me}", admin, method="PATCH", status=409, body={"password": "another horse", "admin": False}
    )
    await house.sign_in("Admin")
    assert (await house.json("/api/v1/sessions", listener))["items"] == sessions["items"]
    whole = {"admin": True, "max_rank": 30, "password": "another horse"}
    changed = await house.json(path, admin, method="PATCH", body=whole)
    assert (changed["admin"], changed["max_rank"]) == (True, 30)
    assert (await house.json("/api/v1/sessions", listener))["items"] == []
    body = {"current": "another horse", "new": "short"}
    assert (await house.json("/api/v1/me/password", listener, method="PUT", status=400, body=body))["field"] == "new"


async def test_a_new_password_ends_the_other_sessions(house: Running) -> None:
    admin = await house.sign_up()
    body = {"current": "not this one", "new": "another horse"}
    await house.json("/api/v1/me/password", admin, method="PUT", status=403, body=body)
    body["current"] = PASSWORD
    await house.json("/api/v1/me/password", admin, method="PUT", status=204, body=body)
    assert (await house.json("/api/v1/sessions", admin))["items"] == []
    status, _, _ = await post(house, "/api/v1/session", {"name": "Admin", "password": PASSWORD})
    assert status == 401


async def test_bodies_that_are_no_json_are_refused_in_words(house: Running) -> None:
    for raw in [
        b"{",
        b"[]",
        b"null",
        b'{"name": NaN}',
        b"[" * 100_000,
        b'{"name": "\\ud800", "password": "x"}',
        b"\xff\xfe",
    ]:
        async with house.client.post(
            f"{house.base}/api/v1/session", data=raw, headers={"Content-Type": "application/json"}
        ) as answer:
            assert (answer.status, answer.content_type) == (400, "application/problem+json"), raw[:20]


async def test_a_body_over_the_limit_is_refused(house: Running) -> None:
    async with house.client.post(
        f"{house.base}/api/v1/session", data=b" " * 1_100_000, headers={"Content-Type": "application/json"}
    ) as answer:
        assert answer.status == 413
        assert answer.content_type == "application/problem+json"
