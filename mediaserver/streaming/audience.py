"""Who is being played to now, and how many streams a person has at once. In memory, by what is fetched.

A play is a device (a session or token) and a sound. It counts while something of it was fetched within WINDOW_S, or is
being sent. A device that begins another sound has left the one before, unless it fetches more of that too; one sound
beside the one that plays is free, for players fetch the next one ahead. Who came first is never refused for the sake of
who came later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mediaserver.core.clock import Clock
from mediaserver.core.errors import MediaServerError, TooManyAttempts

WINDOW_S = 30.0
"""Players that are full fetch a segment of four seconds at a time, and some three of them."""
_LEFT_S = 12.0  # without a segment of it, while the device fetches something newer: it was left
_PROVEN_S = 15.0  # after so long a play is not refused any more, whoever comes back
_MOST_AHEAD_S = 900.0  # so long what a player has at most in hand keeps its place
_ASSUMED_BPS = 256_000  # of files and streams: how long their bytes last is not known here
_NEVER_S = float("inf")
_MOST_PLAYS = 32  # of a device that are remembered


class TooManyStreams(TooManyAttempts):
    """This person has as many streams as is permitted."""


@dataclass(slots=True)
class _Play:
    began_s: float
    last_s: float
    open: int = 0
    """Bodies that are being sent."""


@dataclass(slots=True)
class _Device:
    since_s: float
    """Since when it has been playing, one thing or another."""
    plays: dict[str, _Play] = field(default_factory=dict)
    """By digest, in the order in which they began."""
    full_until_s: float = 0.0
    """What it has in hand lasts until then."""

    def last_s(self) -> float:
        return max((play.last_s for play in self.plays.values()), default=float("-inf"))

    def is_open(self) -> bool:
        return any(play.open for play in self.plays.values())

    def live(self, now_s: float, *, before_s: float = _NEVER_S, newer_s: float = _NEVER_S) -> int:
        """How many sounds it plays that began before then: fetched lately, and not left for another one, be it one that
        it begins at `newer_s`."""
        count = 0
        for play in reversed(self.plays.values()):
            is_newest = newer_s == _NEVER_S
            goes_on = now_s - play.last_s <= (WINDOW_S if is_newest else _LEFT_S)
            is_left = not is_newest and play.last_s <= newer_s
            count += play.began_s < before_s and (play.open > 0 or (goes_on and not is_left))
            newer_s = play.began_s
        return count


class Audience:
    def __init__(self, clock: Clock, *, most: int) -> None:
        """`most` streams for each person who has no limit of their own; 0 is no limit."""
        self._clock = clock
        self._most = most
        self._people: dict[int, dict[str, _Device]] = {}

    @contextmanager
    def fetching(
        self, person: int, device: str, digest: str, *, most: int | None
    ) -> Iterator[Callable[[float, int], None]]:
        """While something of a sound is fetched. What is given is called with what was sent: seconds and bytes.

        `most` is the person's own limit; None is the house's, 0 is none. Raises TooManyStreams.
        """
        limit = self._most if most is None else most
        devices = self._people.setdefault(person, {})
        now_s = self._clock.monotonic_s()
        self._forget_old(devices, now_s)
        known = devices.get(device)
        play = known.plays.get(digest) if known is not None else None
        if limit and (play is None or now_s - play.began_s < _PROVEN_S):
            try:
                self._check(devices, device, play, limit, now_s)
            except TooManyStreams:
                if not devices:
                    del self._people[person]
                raise
        here = known or devices.setdefault(device, _Device(now_s))
        if play is None:
            play = here.plays[digest] = _Play(now_s, now_s)
            for old in list(here.plays)[:-_MOST_PLAYS]:
                if not here.plays[old].open:
                    del here.plays[old]
        play.last_s = now_s
        play.open += 1

        def sent(sound_s: float, size_bytes: int) -> None:
            at_s = self._clock.monotonic_s()
            lasts_s = sound_s or size_bytes * 8 / _ASSUMED_BPS
            here.full_until_s = min(max(here.full_until_s, at_s) + lasts_s, at_s + _MOST_AHEAD_S)

        try:
            yield sent
        except MediaServerError:
            if play.open == 1 and play.last_s == play.began_s:  # it was never a play: there was nothing to be had
                here.plays.pop(digest, None)
            raise
        finally:
            play.open -= 1
            play.last_s = self._clock.monotonic_s()

    def streams(self, person: int) -> int:
        """How many this person has now."""
        now_s = self._clock.monotonic_s()
        return sum(_cost(one.live(now_s)) for one in self._people.get(person, {}).values())

    def _check(self, devices: dict[str, _Device], name: str, play: _Play | None, limit: int, now_s: float) -> None:
        own = devices.get(name)
        began_s = play.began_s if play is not None else _NEVER_S
        beside = own.live(now_s, before_s=began_s, newer_s=_NEVER_S if play else now_s) if own is not None else 0
        # One thing after the other keeps the device's place; what it plays beside that stands behind all others.
        since_s = own.since_s if own is not None and beside <= 1 else began_s
        others = [one for key, one in devices.items() if key != name and one.since_s < since_s and one.live(now_s)]
        count = sum(_cost(one.live(now_s)) for one in others)
        if count + _cost(beside + 1) > limit:
            waits_s = min((WINDOW_S - (now_s - one.last_s()) for one in others if not one.is_open()), default=WINDOW_S)
            told = "one stream" if limit == 1 else f"{limit} streams"
            raise TooManyStreams(
                f"you have {told} already, as many as you may at once: stop one, or wait {max(1, round(waits_s))} s"
                " after it has stopped",
                retry_after_s=max(1.0, min(waits_s, WINDOW_S)),
            )

    def _forget_old(self, devices: dict[str, _Device], now_s: float) -> None:
        for name, device in list(devices.items()):
            if not device.is_open() and now_s > max(device.last_s() + WINDOW_S, device.full_until_s):
                del devices[name]


def _cost(sounds: int) -> int:
    """How many streams one device has: the sound that it fetches ahead is none."""
    return sounds if sounds <= 1 else sounds - 1
