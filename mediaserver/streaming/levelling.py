"""By how many decibels a sound is turned up or down, so that all are as loud as each other and none clips. Pure."""

from __future__ import annotations

import math

CEILING_DBTP = -1.0
"""No true peak lies above this after a gain: lossy encoders and converters go a little higher than what they get."""
MOST_DB, LEAST_DB = 20.0, -40.0
STEPS = 10
"""In a dB: a hundredth more or less would be another recipe, and is heard by nobody."""


def gain_db(integrated_lufs: float | None, true_peak_dbtp: float | None, target_lufs: float) -> float | None:
    """In steps of 0.1 dB, what leads to the target or as near to it as the peak lets; None where nothing is known.

    Without a known peak nothing is turned up.
    """
    if integrated_lufs is None:
        return None
    wanted_db = min(MOST_DB, max(LEAST_DB, target_lufs - integrated_lufs))
    most_db = CEILING_DBTP - true_peak_dbtp if true_peak_dbtp is not None else 0.0
    return min(round(wanted_db * STEPS), math.floor(most_db * STEPS + 1e-6)) / STEPS + 0.0
