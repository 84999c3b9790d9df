"""The access log, without secrets: signed tokens and query strings never stand in it."""

from __future__ import annotations

import re

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

_TOKEN = re.compile(r"^/e/[^/]*")


def masked(path: str) -> str:
    """The path without its token; control characters cannot reach the log."""
    return "".join(c if c.isprintable() else "?" for c in _TOKEN.sub("/e/-", path))


class AccessLogger(AbstractAccessLogger):
    @property
    def enabled(self) -> bool:
        return self.logger.isEnabledFor(20)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        self.logger.info(
            "%s %s %s %d %d B %.1f ms",
            request.remote,
            request.method,
            masked(request.path),
            response.status,
            response.body_length,
            time * 1000,
        )
