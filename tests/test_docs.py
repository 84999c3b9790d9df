"""The documents hold what the code has: settings, commands, routes, decisions, links."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from mediaserver.accounts import addresses, signing
from mediaserver.cli.main import parser
from mediaserver.core.settings import SECTIONS, Settings
from mediaserver.library.report import REASONS
from mediaserver.streaming import constant, covers, ladder
from tests.server import Running

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def shell_lines(path: Path) -> Iterator[str]:
    """The commands in a document's shell blocks, without comments and pipes."""
    for block in re.findall(r"^```sh\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S):
        for line in block.splitlines():
            for part in re.split(r"[|()]", line.partition("#")[0]):
                if part.strip():
                    yield part.strip()


def test_the_example_holds_every_setting_with_its_default() -> None:
    assert tomllib.loads(EXAMPLE) == json.loads(msgspec.json.encode(Settings()))


@pytest.mark.parametrize(
    "setting",
    [f"{section}.{field.name}" for section, kind in SECTIONS.items() for field in msgspec.structs.fields(kind)],
)
def test_every_setting_has_one_line_of_why(setting: str) -> None:
    section, key = setting.split(".")
    block = EXAMPLE.partition(f"[{section}]\n")[2].split("\n[")[0]
    lines = block.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"{key} = "))
    assert lines[at - 1].startswith("# ")
    assert at == 1 or not lines[at - 2].startswith("#")


def test_the_readme_opens_with_the_two_commands() -> None:
    commands = list(shell_lines(ROOT / "README.md"))[:2]
    assert commands == ["scripts/serve ~/Music", "scripts/test"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_command_in_a_document_is_one(path: Path) -> None:
    for line in shell_lines(path):
        words = shlex.split(line.removeprefix("sudo "), comments=True)
        if words[0].startswith("scripts/"):
            assert os.access(ROOT / words[0], os.X_OK), line
            if words[0] == "scripts/serve":
                parser().parse_args(["serve", *words[1:]])
        elif words[0].rpartition("/")[2] == "mediaserver" and words[1:] != ["--help"]:
            parser().parse_args(words[1:])


def test_the_guide_names_every_command_with_its_options() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `mediaserver ((?:[a-z-]+ ?)+)(.*?)` \|", guide, re.M))
    named = {words.strip(): rest for words, rest in table.items()}
    top = parser()
    found = {}
    for action in top._actions:
        for name, below in (action.choices or {}).items() if isinstance(action.choices, dict) else ():
            groups = [a for a in below._actions if isinstance(a.choices, dict)]
            for group in groups:
                found |= {f"{name} {word}": command for word, command in group.choices.items()}
            if not groups:
                found[name] = below
    assert set(found) == set(named) - {"--version"}
    for words, command in found.items():
        options = {o for action in command._actions for o in action.option_strings if o.startswith("--")}
        told = set(re.findall(r"--[a-z-]+", named[words]))
        assert options - {"--help", "--data-dir", "--config"} == told, words


def test_the_guide_explains_every_reason_of_the_scan_report() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    section = guide.partition("## What a scan reports")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.M) == list(REASONS)


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_every_decision_has_its_parts_and_is_listed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    title = text.splitlines()[0].removeprefix("# ")
    assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Choice", "Consequences", "Figures"]
    listed = (path.parent / "README.md").read_text(encoding="utf-8")
    assert f"{int(path.name[:4])}. [{title}]({path.name})" in listed


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://")):
            file, _, anchor = target.partition("#")
            there = path.parent / file if file else path
            assert there.exists(), target
            if anchor:
                headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.M)
                assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, target


async def test_the_api_reference_lists_exactly_the_routes_that_there_are(house: Running) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", text, re.M))
    there = set()
    for route in house.server.application.router.routes():
        resource = route.resource
        pattern = re.sub(r"\{(\w+):[^}]*\}", r"{\1}", resource.canonical) if resource is not None else ""
        if pattern.startswith(("/api/", "/e/", "/healthz", "/readyz", "/metrics")) and route.method not in (
            "HEAD",
            "OPTIONS",
        ):
            there.add(f"{route.method} {pattern}")
    assert told == there


async def test_the_api_reference_says_what_the_document_says(house: Running) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    document = await house.json("/api/v1/openapi.json", await house.sign_up())
    operations = {
        f"{method.upper()} {path}": told for path, each in document["paths"].items() for method, told in each.items()
    }
    rows = dict(re.findall(r"^\| `([A-Z]+ /\S+)` \| (.+) \|$", text, re.M))
    assert set(rows) == set(operations)
    for request, row in rows.items():
        named = {one["name"] for one in operations[request]["parameters"] if one["in"] == "query"}
        told = set(re.findall(r"`(\w+)=", row)) | (set(re.findall(r"`(\w+)`", row)) & named)
        assert told == named - {"limit", "cursor"}, request
        statuses = {status for status in operations[request]["responses"] if status in ("201", "202", "204")}
        assert statuses == set(re.findall(r"\b20[124]\b", row)), request
        body = operations[request].get("requestBody")
        if body:
            shape = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            for field in document["components"]["schemas"][shape]["properties"]:
                assert f'"{field}"' in row, (request, field)
    refused = {
        int(status) for told in operations.values() for status, answer in told["responses"].items() if "$ref" in answer
    }
    assert {int(status) for status in re.findall(r"^\| (\d{3}) \|", text, re.M)} == refused


async def test_every_answer_in_the_api_reference_fits_a_shape_of_the_document(house: Running) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    document = await house.json("/api/v1/openapi.json", await house.sign_up())
    shapes = document["components"]["schemas"]

    def fits(name: str, answer: Any) -> bool:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        is_known = set(answer) <= set(shapes[name]["properties"])
        return is_known and jsonschema.Draft202012Validator(schema).is_valid(answer)

    blocks = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", text, re.M | re.S)]
    assert len(blocks) >= 6
    for answer in blocks:
        assert any(fits(name, answer) for name in shapes), answer


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_json_in_a_document_is_json(path: Path) -> None:
    for block in re.findall(r"^```json\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S):
        json.loads(block)


def test_the_vectors_of_signed_addresses_are_what_the_code_signs_and_takes() -> None:
    text = (ROOT / "docs" / "addresses.md").read_text(encoding="utf-8")
    vectors = re.findall(r"^\| (\d+) \| (\d+) \| `(\w+)` \| (\d+) \| `(\S+)` \|$", text, re.M)
    (digest,) = re.findall(r"the digest is `(\S{22})`", text)
    assert len(vectors) >= 3
    key = bytes(range(32))
    for now, length, grant, cap, token in vectors:
        expires_at_s = signing.expiry_s(int(now), int(length))
        assert signing.sign(key, "k1", expires_at_s=expires_at_s, grant=grant, cap=int(cap), digest=digest) == token
        signing.verify(signing.parse(token, digest), digest, {"k1": key}, now_ms=int(now), rank=int(cap))


def test_what_addresses_md_says_of_times_and_ranks_holds() -> None:
    text = (ROOT / "docs" / "addresses.md").read_text(encoding="utf-8")
    assert f"is {addresses.KEY_LIFETIME_MS // 86_400_000} days old" in text
    assert f"and {signing.GRACE_S // 3600} hours" in text
    told = [int(rank) for row in re.findall(r"^\| ([\d, ]+) \| ", text, re.M) for rank in row.split(", ")]
    aac, opus = ([rung.rank for rung in rungs] for rungs in (ladder.AAC_RUNGS, ladder.OPUS_RUNGS))
    assert told[:7] == [0, *aac, *opus]
    assert opus == [rung.rank for rung in constant.OGG_OPUS_RUNGS]
    for rungs, own in ((aac, told[7:11]), (opus, told[11:15])):
        assert own == [*(rank - ladder.BESIDE for rank in rungs), rungs[-1] + ladder.ABOVE]
    mp3 = [rung.rank for rung in constant.MP3_RUNGS]
    assert told[15:21] == [*mp3, ladder.RANK_FLAC, ladder.RANK_FLAC_HIRES, ladder.RANK_ORIGINAL]


def test_the_sizes_of_covers_in_the_api_reference_are_those_that_are_made() -> None:
    row = next(line for line in (ROOT / "docs" / "api.md").read_text().splitlines() if "/covers/{digest}" in line)
    told = row.partition("by default; ")[2].partition(" is made")[0]
    assert tuple(int(size) for size in re.findall(r"\d+", told)) == covers.SIZES_PX


def test_every_message_that_is_explained_is_one_that_the_server_says() -> None:
    operating = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    section = operating.partition("## When something is wrong")[2].partition("\n## ")[0]
    named = re.findall(r"^- \*([^*]+)\*", section, re.M)
    messages = [text for title in named for text in re.findall(r"`([^`]+)`", title)]
    sources = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "mediaserver").rglob("*.py"))
    by_system = {"address already in use": os.strerror(errno.EADDRINUSE).lower()}
    assert len(messages) >= 6
    for message in messages:
        words = message.removesuffix(" ...")
        assert words in sources or by_system.get(words) == words or words == "localhost", message


@pytest.mark.parametrize(
    "number",
    re.findall(
        r"(?i)decisions?[/ ](\d{4})",
        " ".join(
            path.read_text(encoding="utf-8") for path in [*(ROOT / "mediaserver").rglob("*.py"), ROOT / "setup.py"]
        ),
    ),
)
def test_every_decision_that_the_code_names_is_written(number: str) -> None:
    assert any(path.name.startswith(number) for path in DECISIONS)
    assert "FIGURES" not in next(p for p in DECISIONS if p.name.startswith(number)).read_text(encoding="utf-8")
