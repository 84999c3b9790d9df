"""When a changing folder is due. Time is a number."""

from __future__ import annotations

import itertools

from mediaserver.library.debounce import ABANDONED_S, AT_MOST_S, PAIRED_S, QUIET_S, Debouncer


def test_a_folder_is_due_once_it_has_been_quiet_and_only_once() -> None:
    one = Debouncer()
    assert one.wait_s(0.0) is None
    one.closed("a/x.mp3", 0.0)
    one.closed("a/y.mp3", 0.2)
    assert one.take(0.2 + QUIET_S - 0.01) is None
    due = one.take(0.2 + QUIET_S)
    assert due is not None
    assert due.folders == {"a": False}
    assert one.take(100.0) is None
    assert one.wait_s(100.0) is None


def test_a_folder_that_is_never_quiet_is_due_all_the_same() -> None:
    one = Debouncer()
    taken = []
    for n in range(100):
        one.closed(f"a/{n}.mp3", n / 10)
        if one.take(n / 10) is not None:
            taken.append(n / 10)
    assert len(taken) >= 9
    assert all(b - a <= AT_MOST_S + 0.2 for a, b in itertools.pairwise(taken))


def test_a_file_that_is_being_written_makes_nothing_due_until_it_is_closed() -> None:
    one = Debouncer()
    for n in range(300):
        one.wrote("a/x.mp3", n / 10)
        assert one.take(n / 10) is None
    one.closed("a/x.mp3", 30.0)
    due = one.take(30.0 + QUIET_S)
    assert due is not None
    assert (due.folders, due.writing) == ({"a": False}, frozenset())


def test_another_file_of_the_folder_is_due_meanwhile_and_the_open_one_is_named() -> None:
    one = Debouncer()
    one.wrote("a/x.mp3", 0.0)
    one.closed("a/y.mp3", 0.0)
    one.changed("a/x.mp3", 0.1)
    due = one.take(QUIET_S)
    assert due is not None
    assert (due.folders, due.writing) == ({"a": False}, frozenset({"a/x.mp3"}))


def test_an_open_file_that_nobody_writes_any_more_is_taken_as_it_is() -> None:
    one = Debouncer()
    one.wrote("x.mp3", 0.0)
    assert one.wait_s(1.0) == ABANDONED_S - 1.0
    due = one.take(ABANDONED_S)
    assert due is not None
    assert (due.folders, due.writing) == ({"": False}, frozenset())


def test_both_ends_of_a_move_are_due_together() -> None:
    one = Debouncer()
    one.closed("other/z.mp3", 0.0)
    one.left("a/x.mp3", QUIET_S - 0.001, is_folder=False)
    assert one.take(QUIET_S) is None  # the other end is about to come
    one.closed("b/x.mp3", QUIET_S + 0.01)
    due = one.take(QUIET_S + PAIRED_S)
    assert due is not None
    assert set(due.folders) == {"other", "a", "b"}


def test_moves_without_end_hold_nothing_up_for_ever() -> None:
    one = Debouncer()
    taken = 0
    for n in range(100):
        one.left(f"a/{n}.mp3", n / 20, is_folder=False)
        taken += one.take(n / 20) is not None
    assert taken >= 2


def test_a_folder_that_leaves_takes_what_was_known_of_it_along() -> None:
    one = Debouncer()
    one.wrote("a/b/x.mp3", 0.0)
    one.closed("a/b/y.mp3", 0.0)
    one.left("a", 0.1, is_folder=True)
    due = one.take(2.0)
    assert due is not None
    assert due.folders == {"a": True, "": False}
    assert due.writing == frozenset()


def test_depth_once_asked_for_stays() -> None:
    one = Debouncer()
    one.touch("a", 0.0, is_deep=True)
    one.touch("a", 0.1)
    due = one.take(2.0)
    assert due is not None
    assert due.folders == {"a": True}
