"""DASH manifests: the segments of HLS under the same addresses, every family as adaptation sets. Pure.

Source: ISO/IEC 23009-1, the live profile's addressing by number, of which a static presentation is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from mediaserver.streaming import hls
from mediaserver.streaming.ladder import SEGMENT_S, Ladder, Rendition

# Players of DASH hand it to the browser as it is, and by dash.js it is compared in small letters.
_CODECS = {**hls.CODECS, "opus": "opus"}
_SPEAKERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 11, 8: 12}
"""Channels -> ChannelConfiguration (ISO/IEC 23091-3)."""
_PREFERRED = ("aac", "opus", "flac16", "flac")
"""Which family is taken where a player has no opinion of its own, the first before the others."""


def manifest(ladder: Ladder, renditions: Sequence[Rendition], duration_s: float) -> str:
    """Of these renditions, in the order of families; relative addresses inherit the token of the manifest's own."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static"'
        f' mediaPresentationDuration="{_time(duration_s)}" maxSegmentDuration="{_time(_longest_s(renditions))}"'
        f' minBufferTime="{_time(SEGMENT_S)}">',
        '  <Period id="0" start="PT0S">',
    ]
    for number, (_, same) in enumerate(groupby(renditions, key=lambda one: one.rung.family)):
        lines += _set(ladder, number, list(same))
    return "\n".join([*lines, "  </Period>", "</MPD>"]) + "\n"


def _set(ladder: Ladder, number: int, renditions: Sequence[Rendition]) -> Iterator[str]:
    one = renditions[0]
    yield (
        f'    <AdaptationSet id="{number}" contentType="audio" mimeType="audio/mp4" codecs="{_CODECS[one.rung.family]}"'
        f' audioSamplingRate="{one.rate_hz}" segmentAlignment="true" startWithSAP="1"'
        f' selectionPriority="{len(_PREFERRED) - _PREFERRED.index(one.rung.family)}">'
    )
    if one.channels in _SPEAKERS:
        scheme, value = "urn:mpeg:mpegB:cicp:ChannelConfiguration", _SPEAKERS[one.channels]
        yield f'      <AudioChannelConfiguration schemeIdUri="{scheme}" value="{value}"/>'
    yield '      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>'
    yield (
        f'      <SegmentTemplate timescale="{one.rate_hz}" presentationTimeOffset="{one.priming_samples}"'
        ' startNumber="0" initialization="../$RepresentationID$/init-mse.mp4"'
        ' media="../$RepresentationID$/$Number$.m4s">'
    )
    yield from _timeline(one)
    yield "      </SegmentTemplate>"
    for rendition in renditions:
        yield (
            f'      <Representation id="{ladder.recipe(rendition.rung)}" bandwidth="{rendition.rung.bandwidth_bps}"/>'
        )
    yield "    </AdaptationSet>"


def _timeline(rendition: Rendition) -> Iterator[str]:
    """In samples. The last packet of a lossy family is whole: what is past the end of the period is not played."""
    full = rendition.packets_per_segment * rendition.packet_samples
    repeated, last = divmod(rendition.packet_count, rendition.packets_per_segment)
    yield "        <SegmentTimeline>"
    if rendition.is_lossless and not last:
        repeated, last = repeated - 1, rendition.packets_per_segment
    start = 't="0" '
    if repeated:
        repeat = f' r="{repeated - 1}"' if repeated > 1 else ""
        yield f'          <S {start}d="{full}"{repeat}/>'
        start = ""
    if last:
        end = last * rendition.packet_samples
        if rendition.is_lossless:
            end = rendition.length_samples - repeated * full
        yield f'          <S {start}d="{end}"/>'
    yield "        </SegmentTimeline>"


def _longest_s(renditions: Sequence[Rendition]) -> float:
    return max(one.packets_per_segment * one.packet_samples / one.rate_hz for one in renditions)


def _time(seconds: float) -> str:
    return f"PT{seconds:.6f}".rstrip("0").rstrip(".") + "S"
