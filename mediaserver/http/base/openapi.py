"""The API's document, OpenAPI 3.1, out of the endpoints as they are served."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from http import HTTPStatus
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from mediaserver.http.base.auth import COOKIE, CSRF_HEADER
from mediaserver.http.base.endpoints import Endpoint
from mediaserver.http.base.params import LARGEST, LONGEST_TEXT
from mediaserver.http.base.problems import Problem, status_of

Json = dict[str, Any]

STATUSES = {
    400: "the request breaks a rule; `field` names the part",
    401: "nobody is signed in, or name, password or token is wrong",
    403: "known, but not allowed; a signed address that does not hold; a missing CSRF token",
    404: "there is none, or none that this person may see",
    409: "it exists already, or the last administrator would go",
    410: "the file behind a media address has changed or left",
    413: "the body is larger than 1 MiB",
    422: "the audio file is damaged",
    429: "too many attempts to sign in, or too many reports",
    500: "a worker process broke down over this file",
    503: "busy, or a disk that is full, not mounted or does not answer: ask again",
}
_HEADERS: dict[int, Json] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"}},
    429: {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "seconds"}},
    503: {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "seconds"}},
}
_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "changes with the body"}}
_REF = "#/components/schemas/{name}"


def problems_of(endpoint: Endpoint) -> list[int]:
    """The statuses with which an endpoint may fail: by what it reads, whom it lets in, and what its handler raises."""
    found = {status_of(kind).value for kind in endpoint.raises} | {503}
    has_text = any(_schema(kind)["type"] == "string" for kind in endpoint.parts.values())
    if endpoint.query or endpoint.body or has_text:
        found.add(400)
    if endpoint.body:
        found.add(413)
    if "{" in endpoint.path:
        found.add(404)
    if not endpoint.is_public:
        found.add(401)
        if endpoint.is_admins or endpoint.method != "GET":  # the cookie's writing needs the CSRF token
            found.add(403)
    return sorted(found)


def document(endpoints: Sequence[Endpoint], *, title: str, version: str, description: str, root: str = "/") -> Json:
    """The whole document; `root` is where the server's addresses begin. Raises ValueError for a name given twice."""
    names = [endpoint.handler.__name__ for endpoint in endpoints]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"handlers of one name: {', '.join(twice)}")
    schemas = _schemas(endpoints)
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    statuses = sorted({status for endpoint in endpoints for status in problems_of(endpoint)})
    doors = {endpoint.door.name: endpoint.door.description for endpoint in endpoints}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        "servers": [{"url": root}],
        "tags": [{"name": name, "description": words} for name, words in doors.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {_phrase(status): _problem(status, schemas) for status in statuses},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "a token, for programs and devices"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "a signed-in browser"},
                "csrf": {
                    "type": "apiKey",
                    "in": "header",
                    "name": CSRF_HEADER,
                    "description": "with the cookie, for every method but GET and HEAD: `csrf` of `GET /api/v1/me`",
                },
            },
        },
    }


def _operation(endpoint: Endpoint, schemas: Json) -> Json:
    summary, _, description = inspect.cleandoc(endpoint.handler.__doc__ or "").partition("\n\n")
    operation: Json = {
        "operationId": endpoint.handler.__name__,
        "tags": [endpoint.door.name],
        "summary": " ".join(summary.split()),
        "security": _security(endpoint),
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint, schemas),
    }
    if endpoint.is_admins:
        description = f"{description}\n\nFor administrators.".strip()
    if description:
        operation["description"] = " ".join(description.split(" ")).strip()
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": _media(endpoint.body, schemas)}}
    return operation


def _security(endpoint: Endpoint) -> list[Json]:
    if endpoint.is_public:
        return []
    return [{"token": []}, {"session": []} if endpoint.method == "GET" else {"session": [], "csrf": []}]


def _parameters(endpoint: Endpoint) -> list[Json]:
    found = []
    for name in re.findall(r"\{(\w+)\}", endpoint.path):
        found.append({"name": name, "in": "path", "required": True, **_told(_schema(endpoint.parts.get(name, str)))})
    if endpoint.query is not None:
        shape = _struct(endpoint.query)
        for name, schema in shape["properties"].items():
            required = {"required": True} if name in shape.get("required", ()) else {}
            found.append({"name": name, "in": "query", **required, **_told(_plain(schema))})
    if endpoint.is_revalidated:
        words = "an ETag that is known: 304 without a body where it still holds"
        found.append({"name": "If-None-Match", "in": "header", "description": words, "schema": {"type": "string"}})
    return found


def _responses(endpoint: Endpoint, schemas: Json) -> Json:
    content: Json = {}
    for kind in endpoint.content:
        content[kind] = {} if endpoint.answer is None else _media(endpoint.answer, schemas)
    answer: Json = {
        "description": "Done, without a body." if endpoint.status == 204 else HTTPStatus(endpoint.status).phrase
    }
    if content:
        answer["content"] = content
    if endpoint.is_revalidated:
        answer["headers"] = _ETAG
    responses: Json = {str(endpoint.status): answer}
    also = {**endpoint.also, **({304: "`If-None-Match` has the present ETag"} if endpoint.is_revalidated else {})}
    for status, words in also.items():
        responses[str(status)] = {"description": words}
        if status not in (304, 416):
            responses[str(status)]["content"] = content
    for status in problems_of(endpoint):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{_phrase(status)}"})
    return dict(sorted(responses.items()))


def _problem(status: int, schemas: Json) -> Json:
    example = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": STATUSES[status]}
    media = {"schema": {"$ref": _REF.format(name="Problem")}, "example": example}
    response: Json = {"description": STATUSES[status], "content": {"application/problem+json": media}}
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "")


# Schemas --------------------------------------------------------------------------------------------------------------


def _schemas(endpoints: Sequence[Endpoint]) -> Json:
    """Every shape by its name, once."""
    kinds: list[Any] = [Problem]
    for endpoint in endpoints:
        for kind in (endpoint.body, endpoint.answer):
            kinds += _members(kind) if kind is not None else ()
    _, found = msgspec.json.schema_components(kinds, ref_template=_REF)
    for schema in found.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    return dict(sorted(found.items()))


def _members(kind: Any) -> Sequence[Any]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _schema(kind: Any) -> Json:
    """Of one type that is no shape."""
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
    return dict(schema)


def _struct(kind: type) -> Json:
    """Of one shape, with its properties."""
    (ref,), found = msgspec.json.schema_components([kind], ref_template="{name}")
    schema: Json = found[ref["$ref"]]
    return schema


def _media(kind: Any, schemas: Json) -> Json:
    each = [_schema(one) for one in _members(kind)]
    return {"schema": each[0] if len(each) == 1 else {"anyOf": each}, "example": example(each[0], schemas)}


def _plain(schema: Json) -> Json:
    """A parameter's schema: what is not given is left out, for an address has no null."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if not kinds:
        return schema
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**rest, **kinds[0]}


def _told(schema: Json) -> Json:
    """A parameter's description stands beside its schema."""
    rest = {name: value for name, value in schema.items() if name != "description"}
    if "enum" in rest:
        rest = {"type": "string", **rest}
    elif rest["type"] == "string":
        rest = {"maxLength": LONGEST_TEXT, **rest}
    elif rest["type"] == "integer":
        rest = {"format": "int64", "minimum": 0, "maximum": LARGEST, **rest}
    return {**({"description": schema["description"]} if "description" in schema else {}), "schema": rest}


def example(schema: Json, schemas: Json) -> Any:
    """A value of `schema`: of the examples of its fields, and what is plainest for the rest."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    if "default" in schema:
        return schema["default"]
    if "anyOf" in schema:
        return example(schema["anyOf"][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            named = schema.get("properties", {})
            return {name: example(one, schemas) for name, one in named.items()}
        case "array":
            return [example(schema["items"], schemas)]
        case "integer":
            return 1
        case "number":
            return 0.0
        case "boolean":
            return False
        case "string":
            return "text"
    return None
