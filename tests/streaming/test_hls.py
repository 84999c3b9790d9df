"""Playlists to the letter: every machine must write the same text."""

from __future__ import annotations

from mediaserver.streaming import hls, ladder
from mediaserver.streaming.ladder import AAC_RUNGS, Ladder
from tests.streaming.test_ladder import sound

HERE = Ladder("libavcodec-1.2.3/some-cpu")


def test_a_multivariant_playlist() -> None:
    low, middle, high = (HERE.recipe(rung).hash for rung in AAC_RUNGS)
    assert hls.multivariant(HERE, AAC_RUNGS) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=85000,AVERAGE-BANDWIDTH=82000,CODECS="mp4a.40.2"\n'
        f"../aac.10.{low}/media.m3u8\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=160000,AVERAGE-BANDWIDTH=145000,CODECS="mp4a.40.2"\n'
        f"../aac.20.{middle}/media.m3u8\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=340000,AVERAGE-BANDWIDTH=310000,CODECS="mp4a.40.2"\n'
        f"../aac.30.{high}/media.m3u8\n"
    )


def test_a_media_playlist() -> None:
    rendition = ladder.lossy_rendition(sound(length_samples=9 * 44_100), AAC_RUNGS[0])
    assert hls.media(rendition) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-TARGETDURATION:4\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        '#EXT-X-MAP:URI="init.mp4"\n'
        "#EXTINF:3.993832,\n"
        "0.m4s\n"
        "#EXTINF:3.993832,\n"
        "1.m4s\n"
        "#EXTINF:1.035556,\n"
        "2.m4s\n"
        "#EXT-X-ENDLIST\n"
    )


def test_no_segment_is_longer_than_the_target_says() -> None:
    """RFC 8216, 4.3.3.1: rounded to the nearest second, it must not exceed the target duration."""
    for block in (16, 1152, 4096, 16_384, 65_535):
        for rate_hz in (8_000, 44_100, 96_000):
            index = sound(block=block, rate_hz=rate_hz, length_samples=3_000_000)
            text = hls.media(ladder.flac_rendition(index))
            target = int(text.split("#EXT-X-TARGETDURATION:")[1].split()[0])
            times = [float(line[8:-1]) for line in text.splitlines() if line.startswith("#EXTINF:")]
            assert all(int(time + 0.5) <= target for time in times)


def test_the_declared_bandwidth_of_flac_that_is_made_is_not_below_pcm() -> None:
    (rung,) = ladder.rungs(sound(rate_hz=96_000, bit_depth=24, codec="alac"), "flac")
    assert rung.average_bps >= 96_000 * 2 * 24
    assert 'CODECS="fLaC"' in hls.multivariant(HERE, [rung])


def test_that_of_frames_that_pass_is_theirs() -> None:
    (rung,) = ladder.rungs(sound(block=4096), "flac")
    assert 1000 * 8 * 44_100 / 4096 < rung.average_bps <= rung.bandwidth_bps < 1200 * 8 * 44_100 / 4096


def test_opus_is_called_as_its_sample_entry_is_registered() -> None:
    assert 'CODECS="Opus"' in hls.multivariant(HERE, ladder.OPUS_RUNGS)
