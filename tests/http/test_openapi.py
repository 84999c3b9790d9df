"""The API's document: valid, whole, and true of what the server does."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from mediaserver.http.base.public import PUBLIC
from tests.databases import POSTGRES
from tests.server import PASSWORD, Running, bearer

# Of schemathesis's checks all are run but these.
NOT_CHECKED = {
    "positive_data_acceptance": "a cursor is text, and yet most texts are none",
    "unsupported_method": "a stranger is told of no method that it is not there: 401",
    "negative_data_rejection": "an empty `limit` is as none, and fuzzing tries that",
}

# What schemathesis cannot ask, each with its reason; tests/http/test_events.py does.
NOT_FUZZED = {
    ("GET", "/api/v1/events"): "a stream that never ends",
    ("GET", "/api/v1/events/ws"): "speaks WebSocket, which schemathesis does not",
}

# Routes under /api/v1 that are not in the document, each with its reason.
NOT_DOCUMENTED: dict[tuple[str, str], str] = {}


async def read(house: Running) -> tuple[Any, str]:
    """The document and an administrator's token."""
    admin = await house.sign_up()
    return await house.json("/api/v1/openapi.json", admin), admin


def operations(document: Any) -> dict[tuple[str, str], Any]:
    return {(m.upper(), path): told for path, each in document["paths"].items() for m, told in each.items()}


async def test_the_document_is_openapi_3_1(house: Running) -> None:
    document, _ = await read(house)
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_the_document_names_every_route(house: Running) -> None:
    document, _ = await read(house)
    there = set()
    for resource in house.server.application.router.resources():
        for route in resource:
            key = (route.method, resource.canonical)
            if route.method != "HEAD" and resource.canonical.startswith("/api/"):
                there.add(key)
    assert len(there) > 25
    assert there - set(NOT_DOCUMENTED) == {key for key in operations(document) if key[1].startswith("/api/")}
    assert set(NOT_DOCUMENTED) <= there
    assert {("GET", "/healthz"), ("GET", "/readyz")} <= set(operations(document))


async def test_what_is_closed_names_its_keys_and_its_refusals(house: Running) -> None:
    document, _ = await read(house)
    for key, operation in operations(document).items():
        closed = key not in PUBLIC
        assert bool(operation["security"]) == closed, key
        answers = set(operation["responses"])
        assert answers >= ({"401"} if closed else set()), key
        if closed and key[0] != "GET":
            assert {"session": [], "csrf": []} in operation["security"], key
            assert "403" in answers, key
        if "requestBody" in operation:
            assert answers >= {"400", "413"}, key
        assert operation["summary"].endswith(".") and operation["operationId"], key


async def test_every_example_fits_its_schema(house: Running) -> None:
    document, _ = await read(house)
    count = 0
    for operation in operations(document).values():
        contents = [operation.get("requestBody", {})]
        contents += [answer for answer in operation["responses"].values() if "$ref" not in answer]
        contents += document["components"]["responses"].values()
        for content in contents:
            for media in content.get("content", {}).values():
                if "example" in media:
                    schema = {**media["schema"], "components": document["components"]}
                    jsonschema.validate(media["example"], schema, cls=jsonschema.Draft202012Validator)
                    count += 1
    assert count > 50


async def fuzz(house: Running, tmp_path: Path, document: Any, headers: dict[str, str], **told: Any) -> Counter[str]:
    """Run schemathesis as a program of its own; returns how often each operation gave each status."""
    seen = tmp_path / "seen.txt"
    (tmp_path / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "told.json").write_text(json.dumps({"seen": str(seen), **told}), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", "openapi.json", "--url", house.base]
    here = {"unsupported_method": not headers, "negative_data_rejection": "fuzzing" in told["phases"]}
    left_out = [name for name in NOT_CHECKED if here.get(name, True)]
    command += [
        "--checks",
        "all",
        "--exclude-checks",
        ",".join(left_out),
        "--warnings",
        "off",
        "--no-color",
        "--continue-on-failure",
    ]
    for _, path in NOT_FUZZED:
        command += ["--exclude-path", path]
    command += ["--phases", told["phases"], "--max-examples", str(told["examples"])]
    command += ["--seed", "1", "--generation-deterministic", "--suppress-health-check", "all"]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    hooks = str(Path(__file__).parent / "fuzz_hooks.py")
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "SCHEMATHESIS_HOOKS": hooks, "FUZZ": str(tmp_path / "told.json")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-20_000:]
    return Counter(seen.read_text(encoding="utf-8").splitlines())


async def things(house: Running, admin: str, token: str) -> dict[str, Any]:
    """What exists, by path, and what belongs to the one who asks."""
    real: dict[str, list[dict[str, Any]]] = {}
    for kind in ("artists", "albums", "tracks"):
        items = (await house.json(f"/api/v1/{kind}", admin))["items"]
        real[f"/api/v1/{kind}/{{id}}"] = [{"id": one["id"]} for one in items[:3]]
    for kind in ("albums", "tracks"):
        real[f"/api/v1/{kind}/{{id}}/playback"] = real[f"/api/v1/{kind}/{{id}}"]
    covers = {one["cover"] for one in (await house.json("/api/v1/albums", admin))["items"] if one["cover"]}
    real["/api/v1/covers/{digest}"] = [{"digest": one.rpartition("/")[2]} for one in covers]
    playback = await house.json(f"/api/v1/tracks/{real['/api/v1/tracks/{id}'][0]['id']}/playback", admin)
    names = ("token", "digest", "recipe", "file")
    addresses = [*playback["hls"].values(), *playback["stream"].values(), playback["direct"]]
    real["/e/{token}/{digest}/{recipe}/{file}"] = [
        dict(zip(names, one.split("/")[2:], strict=True)) for one in addresses
    ]
    mine = await house.json("/api/v1/me", token)
    made = [
        await house.json("/api/v1/tokens", token, method="POST", status=201, body={"name": f"doomed {n}"})
        for n in range(4)
    ]
    own = [one["id"] for one in (await house.json("/api/v1/tokens", token))["items"]]
    for _ in range(2):
        await house.sign_in(mine["user"]["name"])
    sessions = (await house.json("/api/v1/sessions", token))["items"]
    real["/api/v1/sessions/{id}"] = [{"id": one["id"]} for one in sessions]
    real["/api/v1/tokens/{id}"] = [{"id": one["id"]} for one in made]
    people = []
    for n in range(4):
        body = {"name": f"Doomed {n}", "password": PASSWORD}
        people.append(await house.json("/api/v1/users", admin, method="POST", status=201, body=body))
    real["PATCH /api/v1/users/{id}"] = [{"id": people[0]["id"]}]
    real["DELETE /api/v1/users/{id}"] = [{"id": one["id"]} for one in people[1:]]
    me = [str(mine["user"]["id"]), str(people[0]["id"])]
    spared = {
        "DELETE /api/v1/tokens/{id}": [str(one) for one in own if one not in {t["id"] for t in made}],
        "DELETE /api/v1/users/{id}": me,
        "PATCH /api/v1/users/{id}": me[:1],
    }
    return {"real": real, "spared": spared}


@pytest.mark.parametrize(
    ("phases", "examples"),
    [("examples,coverage", 1), pytest.param("examples,coverage,fuzzing", 150, marks=pytest.mark.long)],
)
@pytest.mark.parametrize("who", ["administrator", pytest.param("listener", marks=pytest.mark.long), "stranger"])
async def test_nothing_that_is_asked_gives_a_fault_or_an_answer_that_is_not_documented(
    house: Running, tmp_path: Path, who: str, phases: str, examples: int
) -> None:
    if POSTGRES and who != "administrator":
        pytest.skip("not here: told apart before any database is asked; done on SQLite")
    document, admin = await read(house)
    listener = await house.listener(admin)
    token = listener if who == "listener" else admin
    told = await things(house, admin, token)
    headers = {} if who == "stranger" else bearer(token)
    seen = await fuzz(house, tmp_path, document, headers, phases=phases, examples=examples, **told)
    print("\n".join(f"{n:4} {what}" for what, n in sorted(seen.items())))
    answers: dict[tuple[str, str], set[int]] = {}
    for line in seen:
        method, path, status = line.split()
        answers.setdefault((method, path), set()).add(int(status))
    documented = operations(document)
    assert set(documented) - set(NOT_FUZZED) <= set(answers)
    for key, operation in documented.items():
        success = {int(one) for one in operation["responses"] if one < "300"}
        is_admins = "For administrators." in operation.get("description", "")
        if key in PUBLIC or key in NOT_FUZZED:
            continue
        if who == "stranger":
            assert answers[key] == {401}, key
        elif who == "listener" and is_admins:
            assert answers[key] <= {403, 404}, key
        else:
            # The one who asks was not locked out on the way, and the handlers were really reached.
            assert 401 not in answers[key], key
            assert answers[key] & success or key == ("PUT", "/api/v1/me/password"), (key, answers[key])
