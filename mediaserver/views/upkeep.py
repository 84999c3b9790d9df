"""What administrators are told of the server itself, and how much it says in its log."""

from __future__ import annotations

from mediaserver.accounts.permits import Viewer
from mediaserver.core import loglevels
from mediaserver.core.loglevels import Level

__all__ = ["Level", "Upkeep"]


class Upkeep:
    """Raises Forbidden for who is no administrator."""

    def log_levels(self, viewer: Viewer) -> dict[str, Level]:
        """By logger; `root` is everything that has none of its own, and comes first."""
        viewer.must_be_admin()
        return loglevels.levels()

    def change_log_level(self, viewer: Viewer, logger: str, level: Level) -> dict[str, Level]:
        """Until the server ends; returns all. Raises Invalid for a logger that there is not."""
        viewer.must_be_admin()
        loglevels.change(logger, level)
        return loglevels.levels()
