"""How many streams a person has at once, by what is fetched; and who is refused."""

from __future__ import annotations

import pytest

from mediaserver.core.errors import NotFound, TooManyAttempts
from mediaserver.streaming.audience import WINDOW_S, Audience, TooManyStreams
from tests.clock import FakeClock

ANNA, BELA = 1, 2


class Stand:
    """Devices that fetch segments of four seconds."""

    def __init__(self, most: int) -> None:
        self.clock = FakeClock()
        self.audience = Audience(self.clock, most=most)

    def fetch(
        self, device: str, sound: str, *, person: int = ANNA, most: int | None = None, lasts_s: float = 4
    ) -> None:
        with self.audience.fetching(person, device, sound, most=most) as sent:
            sent(lasts_s, 0)

    def play(self, seconds: int, *plays: tuple[str, str]) -> None:
        """All of these for so long, every four seconds a segment."""
        for _ in range(0, seconds, 4):
            for device, sound in plays:
                self.fetch(device, sound)
            self.clock.advance(seconds=4)

    def is_refused(self, device: str, sound: str, *, person: int = ANNA, most: int | None = None) -> bool:
        try:
            self.fetch(device, sound, person=person, most=most)
        except TooManyStreams:
            return True
        return False


def test_who_comes_when_all_streams_are_taken_is_refused_and_nobody_else() -> None:
    stand = Stand(2)
    stand.play(40, ("phone", "a"), ("kitchen", "b"))
    for _ in range(20):
        assert stand.is_refused("attic", "c")
        stand.play(4, ("phone", "a"), ("kitchen", "b"))
    assert stand.audience.streams(ANNA) == 2
    stand.fetch("garden", "c", person=BELA)
    stand.fetch("phone", "d")  # the next track of a device that plays
    assert stand.is_refused("attic", "c")


def test_the_refusal_says_what_it_is_and_when_to_come_again() -> None:
    stand = Stand(1)
    stand.fetch("phone", "a")
    stand.clock.advance(seconds=10)
    with pytest.raises(TooManyStreams, match="you have one stream already") as caught:
        stand.fetch("kitchen", "b")
    assert isinstance(caught.value, TooManyAttempts)
    assert caught.value.retry_after_s == WINDOW_S - 10
    stand.clock.advance(seconds=caught.value.retry_after_s + 0.1)
    stand.fetch("kitchen", "b")


def test_a_person_may_have_a_limit_of_their_own_and_none_is_none() -> None:
    stand = Stand(1)
    stand.fetch("phone", "a")
    assert stand.is_refused("kitchen", "b")
    stand.fetch("kitchen", "b", most=2)
    assert stand.is_refused("attic", "c", most=2)
    for n in range(40):
        stand.fetch(f"device {n}", "c", most=0)
    free = Stand(0)
    for n in range(40):
        free.fetch(f"device {n}", "c")
    assert free.is_refused("one more", "c", most=1)


def test_one_device_skips_through_tracks_and_fetches_ahead_as_one_stream() -> None:
    stand = Stand(1)
    for n in range(60):
        stand.fetch("phone", f"track {n}")
        stand.fetch("phone", f"track {n + 1}")  # ahead
        stand.clock.advance(seconds=0.5)
    for n in range(60, 80):
        stand.play(16, ("phone", f"track {n}"))
        stand.play(8, ("phone", f"track {n}"), ("phone", f"track {n + 1}"))
    assert stand.audience.streams(ANNA) == 1
    assert stand.is_refused("kitchen", "b")


def test_one_device_that_really_plays_several_things_has_several_streams() -> None:
    stand = Stand(2)
    stand.play(40, ("phone", "a"), ("phone", "b"))
    assert stand.audience.streams(ANNA) == 1
    stand.play(40, ("phone", "a"), ("phone", "b"), ("phone", "c"))
    assert stand.audience.streams(ANNA) == 2
    stand.fetch("phone", "d")  # it may be that it has left the others
    stand.play(8, ("phone", "a"), ("phone", "b"), ("phone", "c"))
    assert stand.is_refused("phone", "d"), "it has not"
    stand.play(8, ("phone", "a"), ("phone", "b"), ("phone", "c"))
    assert stand.is_refused("kitchen", "e")


def test_bodies_that_are_being_sent_are_streams_however_slowly_they_are_taken() -> None:
    stand = Stand(1)
    with stand.audience.fetching(ANNA, "radio", "a", most=None) as sent:
        stand.clock.advance(seconds=600)
        assert stand.is_refused("kitchen", "b")
        with stand.audience.fetching(ANNA, "radio", "b", most=None):
            assert stand.is_refused("radio", "c")
        sent(0, 1_000_000)
    stand.clock.advance(seconds=WINDOW_S + 1)
    assert not stand.is_refused("kitchen", "b")


def test_who_has_minutes_in_hand_goes_on_with_the_next_track_after_a_silence() -> None:
    stand = Stand(1)
    stand.fetch("phone", "a", lasts_s=240)  # a whole track at once
    stand.clock.advance(seconds=100)
    stand.play(40, ("kitchen", "b"))  # nothing was fetched for long: nobody knows that the phone plays
    stand.fetch("phone", "c", lasts_s=240)
    stand.play(400, ("kitchen", "b"))
    assert stand.is_refused("phone", "d"), "by now it has nothing in hand"


def test_what_has_played_for_a_while_is_never_refused() -> None:
    stand = Stand(2)
    stand.play(20, ("phone", "a"), ("kitchen", "b"))
    stand.audience._most = 1  # an administrator takes one away
    stand.play(200, ("phone", "a"), ("kitchen", "b"))
    assert stand.audience.streams(ANNA) == 2
    assert stand.is_refused("attic", "c")


def test_what_was_not_to_be_had_is_no_stream() -> None:
    stand = Stand(1)
    with pytest.raises(NotFound), stand.audience.fetching(ANNA, "phone", "a", most=None):
        raise NotFound("there is no such segment")
    assert stand.audience.streams(ANNA) == 0
    stand.fetch("kitchen", "b")


def test_who_breaks_off_to_leap_elsewhere_keeps_the_place() -> None:
    stand = Stand(1)
    with pytest.raises(ConnectionResetError), stand.audience.fetching(ANNA, "phone", "a", most=None):
        raise ConnectionResetError
    assert stand.is_refused("kitchen", "b")
    stand.fetch("phone", "a")


def test_what_is_long_over_is_forgotten() -> None:
    stand = Stand(0)
    for n in range(1000):
        stand.fetch("phone", f"track {n}")
    assert len(stand.audience._people[ANNA]["phone"].plays) <= 32
    stand.clock.advance(seconds=1000)
    stand.fetch("kitchen", "b")
    assert set(stand.audience._people[ANNA]) == {"kitchen"}
