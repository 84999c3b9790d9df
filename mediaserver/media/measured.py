"""What was measured of a sound, as it comes from the workers, which alone load PyAV."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    integrated_lufs: float | None
    """None of silence, and of less than 400 ms."""
    range_lu: float | None
    """None of less than 3 s."""
    true_peak_dbtp: float | None
    """None of silence."""
    blocks: bytes
    """media.gating.Blocks, packed."""
    curve: bytes
    """media.curve.Curve, packed."""


@dataclass(frozen=True, slots=True)
class Dynamics:
    """How loud a sound is as a whole, and at each moment."""

    integrated_lufs: float | None
    """None of silence."""
    curve: bytes
    """`curve.Curve.packed`."""
