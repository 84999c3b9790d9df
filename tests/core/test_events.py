from __future__ import annotations

import asyncio

from mediaserver.core.events import AccessChanged, Event, EventBus, LibraryChanged
from mediaserver.core.units import UserId

CHANGED = LibraryChanged(added=1, changed=0, missing=0)


async def test_a_listener_hears_its_kind_in_order_and_nothing_else() -> None:
    bus, heard, done = EventBus(), [], asyncio.Event()

    async def listen(event: LibraryChanged) -> None:
        heard.append(event.added)
        if event.added == 3:
            done.set()

    bus.subscribe(LibraryChanged, listen, name="test")
    bus.publish(AccessChanged(UserId(1)))
    for n in (1, 2, 3):
        bus.publish(LibraryChanged(n, 0, 0))
    await asyncio.wait_for(done.wait(), 30)
    await bus.close()
    assert heard == [1, 2, 3]


async def test_a_failing_or_hanging_listener_harms_nobody_else() -> None:
    bus, heard, done = EventBus(), 0, asyncio.Event()

    async def fail(event: Event) -> None:
        raise RuntimeError("on purpose")

    async def hang(event: Event) -> None:
        await asyncio.Event().wait()

    async def count(event: Event) -> None:
        nonlocal heard
        heard += 1
        if heard == 2:
            done.set()

    bus.subscribe(Event, fail, name="fails")
    bus.subscribe(Event, hang, name="hangs", time_limit_s=0.01)
    bus.subscribe(Event, count, name="counts")
    bus.publish(CHANGED)
    bus.publish(CHANGED)
    await asyncio.wait_for(done.wait(), 30)
    await bus.close()
    assert heard == 2


async def test_a_cancelled_listener_hears_no_more() -> None:
    bus, heard = EventBus(), []

    async def listen(event: Event) -> None:
        heard.append(event)

    cancel = bus.subscribe(Event, listen, name="test")
    cancel()
    bus.publish(CHANGED)
    await asyncio.sleep(0)
    await bus.close()
    assert not heard


async def test_a_lagging_listener_loses_the_oldest_and_never_blocks_the_publisher() -> None:
    bus, heard, done = EventBus(), [], asyncio.Event()

    async def listen(event: LibraryChanged) -> None:
        heard.append(event.added)
        if event.added == 9:
            done.set()

    bus.subscribe(LibraryChanged, listen, name="slow", limit=2)
    for n in range(10):
        bus.publish(LibraryChanged(n, 0, 0))
    await asyncio.wait_for(done.wait(), 30)
    await bus.close()
    assert heard == [8, 9]
