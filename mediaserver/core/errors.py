"""Every failure that the server can name. Doors translate these; nothing below a door knows HTTP."""

from __future__ import annotations


class MediaServerError(Exception):
    """Base of all expected failures; `str(error)` is safe to show to a person."""


class Invalid(MediaServerError):
    """Input that breaks a rule; `field` names the offending part, if one part is to blame."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Unauthenticated(MediaServerError):
    """Nobody is signed in, or the name, password or token is wrong (never told which)."""


class Forbidden(MediaServerError):
    """The person is known but may not do this; also a signed address that does not hold."""


class NotFound(MediaServerError):
    """No such row, file or segment, or none that this person may see (never told apart)."""


class Gone(MediaServerError):
    """It existed and was retired for good: the file behind a digest has changed or left."""


class Conflict(MediaServerError):
    """It exists already, or changed meanwhile."""


class Unavailable(MediaServerError):
    """A resource is busy or away; trying again after `retry_after_s` may succeed."""

    def __init__(self, message: str, *, retry_after_s: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooManyAttempts(Unavailable):
    """Throttled: the caller must wait `retry_after_s` seconds."""


class Damaged(MediaServerError):
    """A media file that cannot be read or decoded; the message is the reason, without a path."""


class WorkerFailed(MediaServerError):
    """A worker process crashed or was killed at its time limit while doing this task."""


class TookTooLong(WorkerFailed):
    """It was killed at its time limit."""


class WasKilled(WorkerFailed):
    """Somebody else killed it, as a system without memory does: the task may have had no part in it."""
