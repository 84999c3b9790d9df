"""FLAC side files: what cannot be read packet by packet is decoded once, and the FLAC is read from then on."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt

from mediaserver.core.errors import Damaged
from mediaserver.core.shelf import keep_reserve
from mediaserver.media import frames, regular

# Tags of any encoding must not keep a file from being opened; from PyAV 19 on that needs no asking.
OPENING: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
_HIGHEST_RATE_HZ = 192_000
_DSD_RATE_HZ = 88_200  # above 30 kHz a DSD stream holds shaped noise
_ERRORS_IN_A_ROW = 200
_FRAMES_BETWEEN_LOOKS = 16
_JITTER_S, _ROUNDED_S = Fraction(1, 50), Fraction(1, 500)  # by which times may be off
_LONGEST_GAP_S, _MOST_SILENCE_S = Fraction(30), Fraction(600)
_PIECE_SAMPLES = 1 << 16
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG)


def can_be_made(path: str) -> bool:
    """Whether anything in the sound at `path` can be decoded; its first frame alone is. Raises as `make` does."""
    try:
        with av.open(path, **OPENING) as source:
            return any(frame.samples for frame in _frames(source, source.streams.audio[0]))
    except Damaged:
        return False


def make(path: str, side: Path, part: Path | None = None, is_unchanged: Callable[[], bool] = lambda: True) -> None:
    """Decode the sound at `path` into the side file `side`, frame by frame; it appears whole or not at all.

    Until then it is `part`: who may have to end this process names it, to remove it then. Raises Damaged where
    nothing can be decoded or `is_unchanged()` denies it at the end, and OSError where it cannot be written or the disk
    would have no reserve left. What passes is raised as `probe.survey` does.
    """
    side.parent.mkdir(parents=True, exist_ok=True)
    temporary = part or side.with_name(f"{side.name}.{os.getpid()}.part")
    try:
        _write(path, temporary)
        if not is_unchanged():
            raise Damaged("the file was changed while it was read")
        temporary.replace(side)
    except Damaged:
        raise
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise OSError(error.errno, error.strerror) from error
        regular.must_be_to_blame(path, error)
        raise Damaged(f"not to be decoded: {error.strerror}") from error
    except Exception as error:  # the boundary to a parser of hostile bytes: damaged headers leave anything unset
        regular.must_be_to_blame(path, error)
        raise Damaged("not to be decoded: its structure is broken") from error
    finally:
        temporary.unlink(missing_ok=True)


def _write(path: str, target: Path) -> None:
    with av.open(path, **OPENING) as source:
        stream = source.streams.audio[0]
        context = stream.codec_context
        is_dsd = context.name.startswith(("dsd_", "dst"))
        rate_hz = _rate_hz(context.sample_rate, is_dsd=is_dsd)
        sample_format = "s16" if re.fullmatch(r"(s16|u8)p?", context.format.name) else "s32"
        layout = context.layout.name
        graph = av.AudioResampler(format=sample_format, layout=layout, rate=rate_hz)
        with av.open(str(target), "w", format="flac", options={"fflags": "+bitexact"}) as sink:
            out = sink.add_stream("flac", rate=rate_hz)
            out.layout = layout
            out.format = sample_format
            out.time_base = Fraction(1, rate_hz)
            written = 0
            for n, frame in enumerate(_frames(source, stream)):
                if n % _FRAMES_BETWEEN_LOOKS == 0:  # how large it becomes shows only as it is made
                    keep_reserve(target.parent, 0)
                frame.pts = None
                for piece in graph.resample(frame):
                    piece.pts = written
                    piece.time_base = Fraction(1, rate_hz)
                    written += piece.samples
                    sink.mux(out.encode(piece))
            for piece in graph.resample(None):
                piece.pts = written
                written += piece.samples
                sink.mux(out.encode(piece))
            sink.mux(out.encode(None))
    if not written:
        raise Damaged("nothing in it can be decoded")


def decoded(path: str) -> tuple[int, str, Iterator[npt.NDArray[np.float32]]]:
    """Rate in Hz, layout and samples, planar and piece by piece, of the sound that a side file of `path` would hold.

    Raises what PyAV does, now or while it goes on, and Damaged where too much of it cannot be decoded.
    """
    source = av.open(path, **OPENING)
    try:
        stream = source.streams.audio[0]
        context = stream.codec_context
        rate_hz = _rate_hz(context.sample_rate, is_dsd=context.name.startswith(("dsd_", "dst")))
        layout = context.layout.name
        graph = av.AudioResampler(format="flt", layout=layout, rate=rate_hz, frame_size=_PIECE_SAMPLES)
    except BaseException:
        source.close()
        raise

    def pieces() -> Iterator[npt.NDArray[np.float32]]:
        with source:
            for frame in _frames(source, stream):
                frame.pts = None
                for piece in graph.resample(frame):
                    yield frames.samples(piece).astype(np.float32, copy=False)
            for piece in graph.resample(None):
                yield frames.samples(piece).astype(np.float32, copy=False)

    return rate_hz, layout, pieces()


def _rate_hz(rate_hz: int, *, is_dsd: bool) -> int:
    if is_dsd and rate_hz > _DSD_RATE_HZ:
        return _DSD_RATE_HZ if rate_hz % 44_100 == 0 else 96_000
    while rate_hz > _HIGHEST_RATE_HZ:
        rate_hz //= 2
    return rate_hz


def _frames(source: av.container.InputContainer, stream: av.AudioStream):  # type: ignore[no-untyped-def]
    """Every frame that can be decoded, and silence for what is broken in their midst, as long as their times tell.

    A file of nothing else ends the work.
    """
    failures, gaps = 0, _Gaps()
    for packet in source.demux(stream):
        try:
            decoded = packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            failures += 1
            if failures > _ERRORS_IN_A_ROW:
                raise Damaged("too much of it cannot be decoded") from error
            continue
        for frame in decoded:
            failures = 0
            yield from gaps.before(frame)
            yield frame


class _Gaps:
    """How much sound is missing between frames, whether its packets were broken or never found.

    A file may lie about times: there is a bound for each gap, and for all of them.
    """

    def __init__(self) -> None:
        self._end_s: Fraction | None = None
        self._left_s = _MOST_SILENCE_S

    def before(self, frame: av.AudioFrame) -> Iterator[av.AudioFrame]:
        """The silence that is to come before this frame."""
        start_s = frame.pts * frame.time_base if frame.pts is not None and frame.time_base else self._end_s
        if start_s is None or not frame.sample_rate:
            return
        gap_s = start_s - self._end_s if self._end_s is not None else Fraction(0)
        self._end_s = start_s + Fraction(frame.samples, frame.sample_rate)
        if not _JITTER_S < gap_s <= min(_LONGEST_GAP_S, self._left_s):
            return
        self._left_s -= gap_s
        missing = _whole_frames(gap_s * frame.sample_rate, frame)
        while missing > 0:
            piece = frames.silent(frame, min(missing, _PIECE_SAMPLES))
            missing -= piece.samples
            yield piece


def _whole_frames(missing: Fraction, frame: av.AudioFrame) -> int:
    """Times are often rounded to milliseconds: where whole frames of one size fit, it is those that are missing."""
    whole = round(missing / frame.samples) * frame.samples if frame.samples else 0
    return whole if whole and abs(whole - missing) <= frame.sample_rate * _ROUNDED_S else round(missing)
