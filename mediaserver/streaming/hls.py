"""HLS playlists: plain arithmetic, the same text on every machine. Source: RFC 8216 and its second edition."""

from __future__ import annotations

from collections.abc import Sequence

from mediaserver.streaming.ladder import SEGMENT_S, Family, Ladder, Rendition, Rung

CODECS: dict[Family, str] = {"aac": "mp4a.40.2", "opus": "Opus", "flac": "fLaC", "flac16": "fLaC"}
"""As sample entries are registered (RFC 6381, 3.3): "opus" is what browsers once took alone, and Safari does not."""


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


def media(rendition: Rendition) -> str:
    """All segments of a rendition, with the exact time that each lasts; the priming belongs to the first."""
    longest_samples = rendition.packets_per_segment * rendition.packet_samples
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(SEGMENT_S, round(longest_samples / rendition.rate_hz))}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-MEDIA-SEQUENCE:0",
        '#EXT-X-MAP:URI="init.mp4"',
    ]
    for n in range(rendition.segment_count):
        lines.append(f"#EXTINF:{rendition.segment_samples(n) / rendition.rate_hz:.6f},")
        lines.append(f"{n}.m4s")
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"
