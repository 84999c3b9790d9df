"""What indexing costs: a long sound is read in pieces and leaves no more than its places in memory."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import av
import pytest

from mediaserver.core.errors import Damaged
from mediaserver.media.probe import LONGEST_H, index_file, survey
from tests import audio

ROOT = Path(__file__).parent.parent.parent
MOST_GROWTH_MB = 20  # the files hold 300 and 42 MB

PEAK = """
import resource, sys
from mediaserver.media.probe import LONGEST_H, index_file
def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
small, large, side_dir = sys.argv[1:]
index_file(small, side_dir=side_dir)
before = peak_mb()
index, _ = index_file(large, side_dir=side_dir)
index.packed()
print(index.length_samples, peak_mb() - before)
"""


def growth(small: Path, large: Path, side_dir: Path) -> tuple[int, float]:
    """Samples of `large`, and by how many MB indexing it raises the peak of a process that knows `small`."""
    command = [sys.executable, "-c", PEAK, str(small), str(large), str(side_dir)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return int(out[0]), float(out[1])


def test_a_long_wav_is_not_held_in_memory(tmp_path: Path) -> None:
    small, large = audio.write(tmp_path / "small.wav"), audio.write(tmp_path / "large.wav")
    head = bytearray(large.read_bytes()[:200])
    at, sound_bytes = head.index(b"data"), 300_000_000
    head[at + 4 : at + 8] = sound_bytes.to_bytes(4, "little")
    with large.open("r+b") as file:  # silence behind the first second: a hole, which takes no disk
        file.write(head)
        file.truncate(at + 8 + sound_bytes)
    samples, grown_mb = growth(small, large, tmp_path)
    assert samples == sound_bytes // 4
    assert grown_mb < MOST_GROWTH_MB


def test_a_long_dsf_and_its_side_file_are_not_held_in_memory(tmp_path: Path) -> None:
    small, large = audio.dsf(tmp_path / "small.dsf", seconds=0.2), audio.dsf(tmp_path / "large.dsf", seconds=0.2)
    audio.stretch_dsf(large, seconds=60)
    samples, grown_mb = growth(small, large, tmp_path / "sides")
    assert large.stat().st_size > 42_000_000
    assert abs(samples / 88_200 - 60) < 0.1
    assert grown_mb < MOST_GROWTH_MB


def test_a_survey_decodes_nothing_and_tells_the_same_digest(tmp_path: Path) -> None:
    for kind in ("flac", "mp3", "opus", "ogg"):
        path = audio.write(tmp_path / f"x.{kind}")
        found = survey(str(path))
        assert found.index is not None
        assert index_file(str(path))[1] == found.digest
    path = audio.write(tmp_path / "x.wma")
    found = survey(str(path))
    assert (found.index, found.codec) == (None, "wmav2")
    index, digest = index_file(str(path), side_dir=str(tmp_path / "sides"))
    assert digest == found.digest
    assert index.side == f"{digest}.flac"


def leaping(path: Path, *, after_s: int) -> Path:
    """An Opus file of four seconds, the last two of which say that they lie so much later."""
    plain = audio.write(path.with_name("plain.opus"), seconds=4.0)
    with av.open(str(plain)) as source, av.open(str(path), "w", format="ogg") as out:
        stream = out.add_stream_from_template(source.streams.audio[0])
        for n, packet in enumerate(source.demux(source.streams.audio[0])):
            if packet.pts is not None and packet.dts is not None:
                leap = after_s * 48_000 if n >= 100 else 0
                packet.pts, packet.dts, packet.stream = packet.pts + leap, packet.dts + leap, stream
                out.mux(packet)
    return path


@pytest.mark.parametrize("after_s", [2**32 // 48_000, (LONGEST_H + 1) * 3600, 2**40 // 48_000])
def test_a_sound_lasts_no_longer_than_it_holds_where_its_times_leap(after_s: int, tmp_path: Path) -> None:
    index, _ = index_file(str(leaping(tmp_path / "x.opus", after_s=after_s)), side_dir=str(tmp_path / "sides"))
    assert index.length_samples == pytest.approx(4 * 48_000, abs=1000)


@pytest.mark.long
def test_what_really_lasts_longer_than_any_sound_is_refused(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.wav", layout="mono", rate_hz=1000)
    head = bytearray(path.read_bytes()[:200])
    at, sound_bytes = head.index(b"data"), 2 * 1000 * 3600 * (LONGEST_H + 1)
    head[at + 4 : at + 8] = sound_bytes.to_bytes(4, "little")
    with path.open("r+b") as file:
        file.write(head)
        file.truncate(at + 8 + sound_bytes)
    with pytest.raises(Damaged, match="72 hours"):
        survey(str(path))


def test_a_side_file_that_a_power_cut_left_is_made_again(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.wma")
    index, digest = index_file(str(path), side_dir=str(tmp_path))
    side = tmp_path / index.side
    whole = side.read_bytes()
    for left in (b"", whole[:1000], bytes(len(whole))):
        side.write_bytes(left)
        again, same = index_file(str(path), side_dir=str(tmp_path))
        assert (again.length_samples, same) == (index.length_samples, digest)
        assert side.read_bytes() == whole


WITHOUT_FILES = """
import errno, os, sys
from mediaserver.core.errors import Unavailable
from mediaserver.media.probe import LONGEST_H, survey
survey(sys.argv[1])
try:
    while True:
        os.open(sys.argv[1], os.O_RDONLY)
except OSError as error:
    assert error.errno == errno.EMFILE
try:
    survey(sys.argv[1])
except Unavailable as error:
    print(error)
"""


def test_no_more_files_to_be_opened_is_not_held_against_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_FILES, str(audio.write(tmp_path / "song.flac"))]
    limited = ["sh", "-c", 'ulimit -n 60 && exec "$@"', "sh", *command]
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("the file cannot be read now: Too many open files\n", "")


def test_a_file_that_ends_early_is_damaged_whatever_ffmpeg_calls_it(tmp_path: Path) -> None:
    for kind in ("wav", "flac", "mp3", "ogg", "m4a", "aiff", "wv"):
        whole = audio.write(tmp_path / f"whole.{kind}").read_bytes()
        for kept in (5, 30, 200):
            cut = tmp_path / f"cut.{kind}"
            cut.write_bytes(whole[:kept])
            with suppress(Damaged):
                survey(str(cut))
