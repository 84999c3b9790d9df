"""HLS playlists: plain arithmetic, the same text on every machine. Source: RFC 8216 and its second edition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mediaserver.streaming.ladder import SEGMENT_S, Family, Ladder, Rendition, Rung

CODECS: dict[Family, str] = {"aac": "mp4a.40.2", "opus": "Opus", "flac": "fLaC", "flac16": "fLaC"}
"""As sample entries are registered (RFC 6381, 3.3): "opus" is what browsers once took alone, and Safari does not."""

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def multivariant(ladder: Ladder, rungs: Sequence[Rung]) -> str:
    """The rungs of one family. Families never share a playlist: Chromium's own player breaks at the change of codec."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for rung in rungs:
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={rung.bandwidth_bps},AVERAGE-BANDWIDTH={rung.average_bps},"
            f'CODECS="{CODECS[rung.family]}"'
        )
        lines.append(f"../{ladder.recipe(rung)}/media.m3u8")
    return "\n".join(lines) + "\n"


def media(rendition: Rendition, tracks: Sequence[tuple[int, int]] = ()) -> str:
    """All segments of a rendition, with the exact time that each lasts; the priming belongs to the first.

    `tracks` are told as date ranges (RFC 8216, 4.3.2.7), by their first sample at the rendition's rate and the one past
    their last. The day is a fixed one, so that the text never changes.
    """
    longest_samples = rendition.packets_per_segment * rendition.packet_samples
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(SEGMENT_S, round(longest_samples / rendition.rate_hz))}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-MEDIA-SEQUENCE:0",
        '#EXT-X-MAP:URI="init.mp4"',
    ]
    if tracks:
        early_samples = sum(map(rendition.segment_samples, range(rendition.segment_count))) - rendition.length_samples
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_date(-early_samples, rendition.rate_hz)}")
    for number, (start, stop) in enumerate(tracks, 1):
        lines.append(
            f'#EXT-X-DATERANGE:ID="track-{number}",CLASS="track",START-DATE="{_date(start, rendition.rate_hz)}",'
            f"DURATION={(stop - start) / rendition.rate_hz:.6f},X-TRACK={number}"
        )
    for n in range(rendition.segment_count):
        lines.append(f"#EXTINF:{rendition.segment_samples(n) / rendition.rate_hz:.6f},")
        lines.append(f"{n}.m4s")
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _date(samples: int, rate_hz: int) -> str:
    """When the sample with this number is heard, to the millisecond."""
    date = _BEGINNING + timedelta(milliseconds=round(samples * 1000 / rate_hz))
    return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")
