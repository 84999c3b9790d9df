"""The access log, without secrets: signed tokens and query strings never stand in it."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from mediaserver.core.masking import masked_address


class AccessLogger(AbstractAccessLogger):
    @property
    def enabled(self) -> bool:
        """aiohttp asks once for each connection, and the level may change while one lasts: `log` looks itself."""
        return True

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        if not self.logger.isEnabledFor(logging.INFO):
            return
        found = getattr(request, "_match_info", None)  # none for what was no HTTP
        # A route that fits is not enough: /api/v1/albums/PASSWORD fits one, and leads nowhere.
        is_known = found is not None and found.http_exception is None and response.status < 400
        self.logger.info(
            "%s %s %s %d %d B %.1f ms",
            request.remote,
            request.method[:20],
            masked_address(request.path, is_known=is_known),
            response.status,
            response.body_length,
            time * 1000,
        )
