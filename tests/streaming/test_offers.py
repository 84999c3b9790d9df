"""What is offered first, to which player and person and of which source; and why."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import ladder, offers
from mediaserver.streaming.abilities import UNKNOWN, WAYS, Abilities
from mediaserver.streaming.offers import Offer, decide
from mediaserver.streaming.timeline import Part, joined
from tests.streaming.test_ladder import lossy, sound

LARGE = np.full(sound().sizes.size, 10_000, np.int32)  # 861 kb/s
CD = replace(sound(), sizes=LARGE, firsts=LARGE)
HI_RES = sound(rate_hz=96_000, bit_depth=24)
DEEP = sound(rate_hz=44_100, bit_depth=24, codec="alac")
SURROUND = replace(sound(channels=6), layout="5.1", sizes=LARGE, firsts=LARGE)
DSD = sound(rate_hz=176_400, bit_depth=24, codec="dsd_lsbf")
MP3, AAC, OPUS = lossy("mp3", 128_000), lossy("aac", 256_000), lossy("opus", 128_000)
ALL = ("aac", "opus", "flac", "mp3")

DESKTOP = Abilities(ALL, WAYS)
SIMPLE = Abilities(("mp3",), ("progressive",))
PHONE = Abilities(ALL, ("hls", "progressive"), max_bps=150_000)
SPEAKER = Abilities(("aac", "flac", "mp3"), ("progressive", "hls"), 48_000, 16, 2)
THRIFTY = Abilities(ALL, ("hls",), wants_lossless=False)
SAFE = Abilities(("alac", "aac"), ("hls", "direct"))

FIRST = [
    # source, player, permit, (way, name, rank), reason
    (CD, DESKTOP, 99, ("hls", "flac", 70), "FLAC as the file holds it"),
    (CD, DESKTOP, 69, ("hls", "aac", 30), "AAC of up to 310 kb/s, as the line allows: the permit ends below it"),
    (CD, DESKTOP, 25, ("hls", "aac", 20), "AAC of up to 145 kb/s, as the line allows: the permit ends below it"),
    (CD, replace(DESKTOP, codecs=("opus", "aac")), 99, ("hls", "opus", 35),
     "Opus of up to 215 kb/s, as the line allows: the player does not decode FLAC"),
    (CD, replace(DESKTOP, ways=("progressive", "hls")), 99, ("progressive", "flac", 70), "FLAC as the file holds it"),
    (CD, replace(DESKTOP, ways=("direct",)), 99, ("direct", "", 90), "the original file"),
    (CD, replace(DESKTOP, ways=("dash",)), 99, ("dash", "", 70), "all families in one manifest"),
    (CD, UNKNOWN, 99, ("hls", "aac", 30),
     "AAC of up to 310 kb/s, as the line allows: nothing is known of the player"),
    (CD, SIMPLE, 99, ("progressive", "mp3", 40), "MP3 of 320 kb/s: the player does not decode FLAC"),
    (CD, SIMPLE, 30, ("progressive", "mp3", 28), "MP3 of 192 kb/s: the permit ends below it"),
    (CD, PHONE, 99, ("hls", "opus", 25), "Opus of up to 130 kb/s, as the line allows: it takes more than 150 kb/s"),
    (CD, replace(PHONE, max_bps=170_000), 99, ("hls", "aac", 20),
     "AAC of up to 145 kb/s, as the line allows: it takes more than 170 kb/s"),
    (CD, replace(PHONE, codecs=("opus",)), 99, ("hls", "opus", 25),
     "Opus of up to 130 kb/s, as the line allows: the player does not decode FLAC"),
    (CD, SPEAKER, 99, ("progressive", "flac", 70), "FLAC as the file holds it"),
    (CD, THRIFTY, 99, ("hls", "aac", 30), "AAC of up to 310 kb/s, as the line allows"),
    (HI_RES, DESKTOP, 99, ("hls", "flac", 80), "FLAC as the file holds it"),
    (HI_RES, DESKTOP, 79, ("hls", "flac16", 70), "FLAC of 16 bits at 48 kHz: the permit ends below it"),
    (HI_RES, replace(DESKTOP, ways=("progressive",)), 75, ("progressive", "flac16", 70),
     "FLAC of 16 bits at 48 kHz: the permit ends below it"),
    (HI_RES, SPEAKER, 99, ("progressive", "flac16", 70),
     "FLAC of 16 bits at 48 kHz: the player takes at most 48 kHz"),
    (DEEP, SPEAKER, 99, ("progressive", "flac16", 70),
     "FLAC of 16 bits at 44.1 kHz: the player takes at most 16 bits"),
    (DEEP, DESKTOP, 99, ("hls", "flac", 80), "FLAC, every sample as in the file"),
    (DEEP, SAFE, 99, ("direct", "", 90), "the original file"),
    (SURROUND, SPEAKER, 99, ("progressive", "aac", 30), "AAC of 310 kb/s: the player takes at most 2 channels"),
    (SURROUND, DESKTOP, 99, ("hls", "flac", 70), "FLAC as the file holds it"),
    (DSD, replace(DESKTOP, codecs=("dsd", "aac"), ways=("hls", "direct")), 99, ("direct", "", 90), "the original file"),
    (sound(rate_hz=352_800, bit_depth=24, codec="pcm"), Abilities(("flac", "pcm"), ("hls", "direct")), 99,
     ("direct", "", 90), "the original file"),
    (MP3, DESKTOP, 99, ("progressive", "mp3", 18), "the file's own MP3, not encoded again"),
    (MP3, replace(DESKTOP, codecs=("aac", "flac")), 99, ("hls", "aac", 20),
     "AAC of up to 145 kb/s, as the line allows"),
    (MP3, replace(SIMPLE, ways=("direct", "progressive")), 99, ("direct", "", 90), "the original file"),
    (AAC, DESKTOP, 99, ("hls", "aac", 28), "the file's own AAC, not encoded again"),
    (AAC, DESKTOP, 27, ("hls", "aac", 20), "AAC of up to 145 kb/s, as the line allows"),
    (AAC, PHONE, 99, ("hls", "opus", 25), "Opus of up to 130 kb/s, as the line allows"),
    (OPUS, DESKTOP, 99, ("hls", "opus", 23), "the file's own Opus, not encoded again"),
    (OPUS, replace(DESKTOP, ways=("progressive",)), 99, ("progressive", "opus", 35),
     "the file's own Opus, not encoded again"),
    (OPUS, replace(THRIFTY, codecs=("aac",)), 99, ("hls", "aac", 20), "AAC of up to 145 kb/s, as the line allows"),
]  # fmt: skip


def named(offer: Offer) -> tuple[str, str, int]:
    return offer.candidate.way, offer.candidate.name, offer.rung.rank


@pytest.mark.parametrize(("index", "player", "max_rank", "first", "reason"), FIRST)
def test_the_first_offer_is_what_suits_the_player_best_and_says_why(
    index: PacketIndex, player: Abilities, max_rank: int, first: tuple[str, str, int], reason: str
) -> None:
    offer = decide(index, player, max_rank)[0]
    assert offer.plays
    assert (named(offer), offer.reason) == (first, reason)


SOURCES = (CD, HI_RES, DEEP, SURROUND, DSD, MP3, AAC, OPUS)
PLAYERS = (DESKTOP, SIMPLE, PHONE, SPEAKER, THRIFTY, SAFE, UNKNOWN)


@pytest.mark.parametrize("index", SOURCES)
def test_everything_that_is_allowed_stands_behind_it_and_nothing_else(index: PacketIndex) -> None:
    for player, max_rank in itertools.product(PLAYERS, (99, 90, 89, 79, 69, 29, 10, 9)):
        told = decide(index, player, max_rank)
        everything = {(one.way, one.name) for one in offers.allowed(index, max_rank)}
        assert {(one.candidate.way, one.candidate.name) for one in told} == everything
        assert len(told) == len(everything)
        assert all(rung.rank <= max_rank for one in told for rung in one.candidate.rungs)
        assert all(one.rung in one.candidate.rungs and one.reason for one in told)
        plays = [one.plays for one in told]
        assert plays == sorted(plays, reverse=True), "what it cannot play comes last"
        assert any(one.candidate.way == "direct" for one in told) == (max_rank >= ladder.RANK_ORIGINAL)


@pytest.mark.parametrize("index", SOURCES)
def test_no_offer_that_plays_is_beyond_the_player(index: PacketIndex) -> None:
    for player, max_rank in itertools.product(PLAYERS, (99, 79, 29)):
        for one in decide(index, player, max_rank):
            found = one.candidate
            within = (
                found.way in player.ways
                and bool(set(found.codecs) & set(player.codecs))
                and found.rate_hz <= (player.max_rate_hz or found.rate_hz)
                and found.bit_depth <= (player.max_bit_depth or found.bit_depth)
                and found.channels <= (player.max_channels or found.channels)
                and one.rung.bandwidth_bps <= (player.max_bps or one.rung.bandwidth_bps)
            )
            assert one.plays == within or (found.way == "dash" and not one.plays)


@pytest.mark.parametrize("index", [MP3, AAC, OPUS])
def test_a_lossy_source_is_offered_nothing_lossless_and_nothing_that_takes_much_more(index: PacketIndex) -> None:
    most_bps = ladder.source_bps(index) * ladder.MOST_OF_SOURCE
    for one in offers.allowed(index, 99):
        assert not one.is_lossless
        if one.way == "progressive":
            usual = min(rung.average_bps for rung in offers.rungs(index, offers.STREAMS[one.name][0]))
            assert one.rungs[-1].average_bps <= max(most_bps, usual) or one.name == "aac"


def test_a_source_that_is_read_by_a_lossless_side_file_counts_by_what_its_file_takes() -> None:
    """WMA and Musepack: the side file has ten times the bits, and nothing may be encoded up to them."""
    side = replace(lossy("mp3", 900_000), codec="wmav2", side="x.flac", file_bytes=128_000 // 8 * 60)
    assert ladder.source_bps(side) == 128_000
    assert [rung.rank for rung in offers.permitted(side, "aac", 99)] == [10, 20]
    assert [rung.rank for rung in offers.permitted(side, "opus", 99)] == [15, 25]
    assert {name: rung.rank for name, rung in offers.streams(offers.allowed(side, 99)).items()} == {
        "mp3": 18,
        "opus": 25,
        "aac": 20,
    }
    line = joined([Part.of("A" * 22, side), Part.of("B" * 22, side)])
    assert [rung.rank for rung in offers.permitted(line.index, "aac", 99)] == [10, 20]


def test_a_manifest_is_offered_up_to_the_rank_below_which_everything_fits() -> None:
    player = Abilities(ALL, ("dash",), max_bps=200_000)
    (first, *_) = decide(CD, player, 99)
    assert named(first) == ("dash", "", 25)
    assert all(rung.bandwidth_bps <= 200_000 for rung in first.candidate.rungs if rung.rank <= 25)
    assert not any(one.plays for one in decide(CD, replace(player, max_bps=50_000), 99))


def test_several_sounds_as_one_have_playlists_and_a_manifest_alone() -> None:
    line = joined([Part.of("A" * 22, CD), Part.of("B" * 22, HI_RES)])
    told = decide(line.index, DESKTOP, 99, has_file=False)
    assert {one.candidate.way for one in told} == {"hls", "dash"}
    assert told[0].candidate.is_lossless
    assert decide(line.index, DESKTOP, 9, has_file=False) == []
