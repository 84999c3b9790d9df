"""Whether the machine's clock can be believed: signed addresses, sessions and certificates hold by it."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mediaserver.checkup.findings import Finding

_FIRST_YEAR, _LAST_YEAR = 2026, 2090
"""No server of this kind ran before, and a clock that says so has lost its battery."""
_SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
_REMEDY = "sudo timedatectl set-ntp true"
_UNSYNC, _ERROR = 0x40, 5
"""Source: linux/timex.h, STA_UNSYNC and TIME_ERROR."""
_TIMEX_BYTES, _STATUS_AT = 512, 5  # larger than struct timex; `status` is its sixth word-sized field


@dataclass(frozen=True, slots=True)
class Clock:
    now_ms: int
    is_synchronized: bool | None
    """None where the system does not tell."""


def look(now_ms: int) -> Clock:
    return Clock(now_ms, True if _SYNCHRONIZED.exists() else _kernel_says())


def judged(clock: Clock) -> Finding:
    try:
        now = datetime.fromtimestamp(clock.now_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return Finding("clock", "Clock", "bad", "the clock shows no date at all", _REMEDY)
    told = f"{now:%Y-%m-%d %H:%M} UTC"
    if not _FIRST_YEAR <= now.year <= _LAST_YEAR:
        return Finding("clock", "Clock", "bad", f"{told}: this cannot be; sessions end at once or never", _REMEDY)
    if clock.is_synchronized is False:
        return Finding("clock", "Clock", "warning", f"{told}, not set by the network's time: it may drift", _REMEDY)
    return Finding("clock", "Clock", "ok", told + (", synchronized" if clock.is_synchronized else ""))


def _kernel_says() -> bool | None:
    """By adjtimex, which changes nothing here. A sandbox may forbid it."""
    try:
        call = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    timex = (ctypes.c_long * (_TIMEX_BYTES // ctypes.sizeof(ctypes.c_long)))()
    state = int(call(ctypes.byref(timex)))
    if state < 0:
        return None
    # struct timex: modes (padded), offset, freq, maxerror, esterror, status. Source: adjtimex(2).
    status = ctypes.c_int.from_buffer(timex, _STATUS_AT * ctypes.sizeof(ctypes.c_long)).value
    return state != _ERROR and not status & _UNSYNC and os.name == "posix"
