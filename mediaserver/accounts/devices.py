"""What is told of sessions and tokens that begin or end, once it is committed."""

from __future__ import annotations

from collections.abc import Iterable

from mediaserver.core.events import AccessChanged, DeviceChanged, EventBus
from mediaserver.core.units import UserId
from mediaserver.storage.database import Transaction


def tell_begun(
    tx: Transaction, events: EventBus, user_id: UserId, *, sessions: Iterable[int] = (), tokens: Iterable[int] = ()
) -> None:
    """These were made."""
    _tell(tx, events, user_id, sessions, tokens, is_open=True)


def tell_ended(
    tx: Transaction, events: EventBus, user_id: UserId, *, sessions: Iterable[int] = (), tokens: Iterable[int] = ()
) -> None:
    """These are no more: also what the person may do has changed."""
    tx.after_commit(lambda: events.publish(AccessChanged(user_id)))
    _tell(tx, events, user_id, sessions, tokens, is_open=False)


def _tell(
    tx: Transaction,
    events: EventBus,
    user_id: UserId,
    sessions: Iterable[int],
    tokens: Iterable[int],
    *,
    is_open: bool,
) -> None:
    changes = [DeviceChanged(user_id, "session", one, is_open) for one in sessions]
    changes += [DeviceChanged(user_id, "token", one, is_open) for one in tokens]

    def publish() -> None:
        for change in changes:
            events.publish(change)

    tx.after_commit(publish)
