"""Players by their names, and words that they say."""

from __future__ import annotations

import pytest

from mediaserver.core.errors import Invalid
from mediaserver.streaming import abilities
from mediaserver.streaming.abilities import CODECS, UNKNOWN, WAYS, known, listed

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "way", "has", "lacks"),
    [
        ("VLC/3.0.20 LibVLC/3.0.20", "hls", "ape", ""),
        ("Lavf/59.27.100", "hls", "dsd", ""),
        ("mpv 0.35.1", "hls", "wma", ""),
        ("GStreamer souphttpsrc 1.22.0 libsoup/2.74.3", "hls", "alac", ""),
        ("Linux UPnP/1.0 Sonos/80.1-54060 (ZPS1)", "progressive", "flac", "opus"),
        (f"{CHROME} CrKey/1.56.500000", "hls", "opus", "alac"),
        ("Symfonium/10.0 (Linux;Android 14) AndroidXMedia3/1.3.1", "hls", "opus", "alac"),
        ("AppleCoreMedia/1.0.0.21F90 (iPhone; U; CPU OS 17_5_1 like Mac OS X; en_us)", "hls", "alac", "opus"),
        (f"{SAFARI} Version/17.5 Mobile/15E148 Safari/604.1", "hls", "alac", "opus"),
        (f"{SAFARI} CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1", "hls", "alac", "opus"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "hls", "opus", "alac"),
        (CHROME, "hls", "opus", "alac"),
        ("curl/7.88.1", "progressive", "flac", ""),
        ("", "hls", "aac", "flac"),
        ("Toaster/1.0", "hls", "mp3", "opus"),
        ("x" * 100_000 + " VLC/3.0", "hls", "mp3", "opus"),
    ],
)
def test_players_are_known_by_their_names(agent: str, way: str, has: str, lacks: str) -> None:
    found = known(agent)
    assert found.ways[0] == way
    assert has in found.codecs
    assert lacks not in found.codecs
    assert found.is_known == (found is not UNKNOWN)


def test_a_loudspeaker_that_takes_no_more_than_a_cd_has_its_limits() -> None:
    sonos = known("Linux UPnP/1.0 Sonos/80.1-54060 (ZPS1)")
    assert (sonos.max_rate_hz, sonos.max_bit_depth, sonos.max_channels) == (48_000, 16, 2)


def test_every_word_of_the_table_is_one_that_a_player_may_say() -> None:
    for _, _, told in abilities._KNOWN:
        assert set(told.codecs) <= set(CODECS)
        assert set(told.ways) <= set(WAYS)


def test_lists_of_words_are_read_in_their_order_and_strange_ones_refused() -> None:
    assert listed(" FLAC,aac,,flac", CODECS, "codecs") == ("flac", "aac")
    for wrong in ("flac,mp9", ",", "flac aac"):
        with pytest.raises(Invalid, match="codecs must be of aac, opus") as caught:
            listed(wrong, CODECS, "codecs")
        assert caught.value.field == "codecs"
