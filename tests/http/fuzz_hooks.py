"""What schemathesis is told beside the document: real ids, so that it gets past 404; and what it must not end.

Loaded by the schemathesis command (SCHEMATHESIS_HOOKS). FUZZ names a JSON file: `real` has path parameters of things
that exist by path, `spared` ids that must live on by method and path, `seen` the file to which every answer is told.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import schemathesis

TOLD = json.loads(Path(os.environ["FUZZ"]).read_text(encoding="utf-8"))
NOBODYS = 2**62
LONGEST_LINE_BYTES = 7000  # a request's first line has 8,190; a longer one is refused by aiohttp, before any handler
turns: dict[str, int] = {}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Every second call of a path goes to something that exists, in turn; what is spared is never asked for."""
    path, label = case.operation.path, f"{case.method} {case.operation.path}"
    turn = turns[label] = turns.get(label, -1) + 1
    real = TOLD["real"].get(label) or TOLD["real"].get(path)
    if real and turn % 2 == 0:
        case.path_parameters = dict(real[turn // 2 % len(real)])
    given = case.path_parameters
    if isinstance(given, dict) and str(given.get("id")) in TOLD["spared"].get(label, ()):
        case.path_parameters = {**given, "id": NOBODYS}
    if sum(len(quote(str(one))) for part in (given, case.query) for one in (part or {}).values()) > LONGEST_LINE_BYTES:
        case.path_parameters = {name: _shorter(one) for name, one in (case.path_parameters or {}).items()}
        case.query = {name: _shorter(one) for name, one in (case.query or {}).items()}


def _shorter(one: Any) -> Any:
    return one[:100] if isinstance(one, str) else one


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    with Path(TOLD["seen"]).open("a", encoding="utf-8") as file:
        file.write(f"{case.method} {case.operation.path} {response.status_code}\n")
