"""What workers are asked to do for listeners. PyAV is loaded by them alone: it takes 16 MB of a process."""

from __future__ import annotations

from mediaserver.streaming import constant
from mediaserver.streaming.ladder import Rendition
from mediaserver.streaming.source import Line, Source


def identity() -> str:
    """As `encoder.identity`."""
    from mediaserver.streaming import encoder

    return encoder.identity()


def segment_file(source: Source | Line, rendition: Rendition, n: int, target: str) -> tuple[bytes, str]:
    """As `encoder.segment_file`."""
    from mediaserver.streaming import encoder, steady

    make = steady.segment if rendition.rung.family in constant.RUNGS else encoder.fed_segment
    return encoder.segment_file(source, rendition, n, target, make=make)
