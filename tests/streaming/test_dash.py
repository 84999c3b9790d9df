"""Manifests to the letter: the segments of HLS, by the same names and the same times."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from mediaserver.streaming import dash, hls, ladder
from mediaserver.streaming.ladder import FAMILIES, Ladder, Rendition
from tests.streaming.test_ladder import sound

HERE = Ladder("libavcodec-1.2.3/some-cpu")
NAMES = {"": "urn:mpeg:dash:schema:mpd:2011"}


def renditions(**changes: int) -> list[Rendition]:
    index = sound(**changes)  # type: ignore[arg-type]
    rungs = [rung for family in FAMILIES for rung in ladder.rungs(index, family)]
    return [HERE.rendition_of(index, rung) for rung in rungs]


def read(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def test_a_manifest() -> None:
    made = renditions(length_samples=9 * 44_100)
    low, middle, high = (HERE.recipe(rung).hash for rung in ladder.AAC_RUNGS)
    text = dash.manifest(HERE, made[:3], 9.0)
    assert text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static"'
        ' mediaPresentationDuration="PT9S" maxSegmentDuration="PT3.993832S" minBufferTime="PT4S">\n'
        '  <Period id="0" start="PT0S">\n'
        '    <AdaptationSet id="0" contentType="audio" mimeType="audio/mp4" codecs="mp4a.40.2"'
        ' audioSamplingRate="44100" segmentAlignment="true" startWithSAP="1" selectionPriority="4">\n'
        '      <AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="2"/>\n'
        '      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>\n'
        '      <SegmentTemplate timescale="44100" presentationTimeOffset="1024" startNumber="0"'
        ' initialization="../$RepresentationID$/init-mse.mp4" media="../$RepresentationID$/$Number$.m4s">\n'
        "        <SegmentTimeline>\n"
        '          <S t="0" d="176128" r="1"/>\n'
        '          <S d="46080"/>\n'
        "        </SegmentTimeline>\n"
        "      </SegmentTemplate>\n"
        f'      <Representation id="aac.10.{low}" bandwidth="{ladder.AAC_RUNGS[0].bandwidth_bps}"/>\n'
        f'      <Representation id="aac.20.{middle}" bandwidth="{ladder.AAC_RUNGS[1].bandwidth_bps}"/>\n'
        f'      <Representation id="aac.30.{high}" bandwidth="{ladder.AAC_RUNGS[2].bandwidth_bps}"/>\n'
        "    </AdaptationSet>\n"
        "  </Period>\n"
        "</MPD>\n"
    )


@pytest.mark.parametrize("length_samples", [1, 4095, 4096, 43 * 4096, 43 * 4096 * 2, 172 * 1024 - 1024, 1_000_000])
def test_it_names_every_segment_and_the_time_of_each(length_samples: int) -> None:
    made = renditions(length_samples=length_samples, bit_depth=24)
    assert {one.rung.family for one in made} == set(FAMILIES)
    root = read(dash.manifest(HERE, made, length_samples / 44_100))
    assert len(root.findall(".//AdaptationSet", NAMES)) == 4
    for one in made:
        (at,) = [
            group
            for group in root.findall(".//AdaptationSet", NAMES)
            if group.findall(f"Representation[@id='{HERE.recipe(one.rung)}']", NAMES)
        ]
        template = at.find("SegmentTemplate", NAMES)
        assert template is not None
        durations: list[int] = []
        for row in template.findall(".//S", NAMES):
            durations += [int(row.attrib["d"])] * (1 + int(row.attrib.get("r", 0)))
        assert len(durations) == one.segment_count == hls.media(one).count("#EXTINF")
        total = one.length_samples if one.is_lossless else one.packet_count * one.packet_samples
        assert sum(durations) == total
        assert (template.attrib["timescale"], template.attrib["presentationTimeOffset"]) == (
            str(one.rate_hz),
            str(one.priming_samples),
        )


def test_what_a_player_must_know_of_the_channels_is_told_where_it_can_be() -> None:
    for channels, told in ((1, "1"), (2, "2"), (6, "6"), (8, "12")):
        (flac,) = [one for one in renditions(channels=channels) if one.rung.family == "flac"]
        found = re.findall(r'ChannelConfiguration" value="(\d+)"', dash.manifest(HERE, [flac], 1.0))
        assert found == [told]
    assert "AudioChannelConfiguration" not in dash.manifest(HERE, [replace(flac, channels=9)], 1.0)


def test_times_are_written_without_an_exponent_and_to_the_microsecond() -> None:
    assert [dash._time(s) for s in (0.0, 4.0, 0.00002, 43_200.5, 1 / 3)] == [
        *("PT0S", "PT4S", "PT0.00002S", "PT43200.5S", "PT0.333333S")
    ]
