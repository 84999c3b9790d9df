"""From what a person calls the server to what stands in the network."""

from __future__ import annotations

import pytest

from mediaserver.discovery.names import Names, facts, names


@pytest.mark.parametrize(
    ("server_name", "number", "instance", "label"),
    [
        ("Music", 1, "Music", "music"),
        ("Music", 2, "Music (2)", "music-2"),
        ("Müllers Musik", 1, "Müllers Musik", "mullers-musik"),
        ("Familie Ø & Søn", 12, "Familie Ø & Søn (12)", "familie-o-son-12"),
        ("音楽", 1, "音楽", "music"),
        ("St. Vincent.local.", 1, "St Vincent local", "st-vincent-local"),
        ("a\x00b\tc\x1b[31m\u202e", 1, "a b c [31m", "a-b-c-31m"),
        ("...", 1, "Music", "music"),
        ("half \udc80", 1, "half ?", "half"),
    ],
)
def test_a_name_is_kept_as_far_as_the_network_can_carry_it(
    server_name: str, number: int, instance: str, label: str
) -> None:
    assert names(server_name, number, "pi") == Names(instance, label)


@pytest.mark.parametrize("number", [1, 2, 999])
@pytest.mark.parametrize("server_name", ["x" * 63, "ü" * 63, "🎵" * 63, "音" * 63, ("a" * 59 + " ") * 2, "a-" * 31])
def test_no_part_is_longer_than_a_label_or_cut_within_a_character(server_name: str, number: int) -> None:
    made = names(server_name, number, "pi")
    assert len(made.instance.encode()) <= 63
    assert len(made.label) <= 63
    assert made.instance.startswith(server_name[:10])
    assert made.label.isascii()
    assert made.instance.isprintable()
    assert not made.label.endswith("-")
    assert number == 1 or (made.instance.endswith(f" ({number})") and made.label.endswith(f"-{number}"))


@pytest.mark.parametrize("machine", ["music", "Music", "music.house.example"])
def test_the_machines_own_name_is_left_to_the_machine(machine: str) -> None:
    assert [names("Music", number, machine).host for number in (1, 2)] == ["music-server.local", "music-server-2.local"]


def test_txt_records_tell_who_it_is_and_how_it_is_reached() -> None:
    assert facts("0123456789abcdef", "1.2", "/music/", has_tls=True) == {
        "id": "0123456789abcdef",
        "version": "1.2",
        "path": "/music/",
        "tls": "1",
    }
