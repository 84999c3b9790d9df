"""The page's own files: styles, scripts, icons. Read once at the start and served from memory."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from mediaserver.core.errors import NotFound

PACKAGE = Path(__file__).parent.parent.parent
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
}
_SMALLEST_GZIPPED = 512
_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    gzipped: bytes | None
    content_type: str


def web_folder() -> Path:
    """web/ beside the package in a checkout, inside it when installed. Raises NotFound."""
    for folder in (PACKAGE.parent / "web", PACKAGE / "web"):
        if (folder / "templates").is_dir():
            return folder
    raise NotFound("the page's files (web/) are not installed")


class Static:
    """Every file of a folder by its relative path; `version` is a hash of them all."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, _File] = {}
        hasher = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name, body = path.relative_to(folder).as_posix(), path.read_bytes()
                hasher.update(name.encode() + b"\0" + body)
                kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
                gzipped = gzip.compress(body, 6, mtime=0) if len(body) > _SMALLEST_GZIPPED else None
                self._files[name] = _File(body, gzipped, kind)
        self.version = hasher.hexdigest()[:12]

    @classmethod
    def found(cls) -> Static:
        return cls(web_folder() / "static")

    def address(self, name: str) -> str:
        """Where a page finds the file. Raises KeyError for one that is not there: a fault of the template."""
        self._files[name]
        return f"/static/{self.version}/{name}"

    def modules(self) -> list[str]:
        """The scripts that the page imports, for the browser to fetch side by side."""
        return [name for name in self._files if name.startswith("js/") and name.endswith(".js")]

    def answer(self, request: web.Request, name: str, headers: dict[str, str]) -> web.Response:
        """Raises NotFound."""
        file = self._files.get(name)
        if file is None:
            raise NotFound("there is no such file")
        body, extra = file.body, {"Content-Type": file.content_type, "Vary": "Accept-Encoding"}
        if file.gzipped is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            body, extra["Content-Encoding"] = file.gzipped, "gzip"
        return web.Response(body=body, headers={**headers, **extra})


def routes(static: Static) -> list[web.RouteDef]:
    async def get(request: web.Request) -> web.Response:
        # An old page may ask for its old version: what is there now is served, and kept only under its own name.
        current = request.match_info["version"] == static.version
        headers = _IMMUTABLE if current else {"Cache-Control": "no-store"}
        return static.answer(request, request.match_info["path"], headers)

    async def favicon(request: web.Request) -> web.Response:
        return static.answer(request, "icons/icon.svg", {"Cache-Control": "public, max-age=86400"})

    return [
        web.get("/static/{version}/{path:.+}", get),
        web.get("/favicon.ico", favicon),
    ]
