from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from mediaserver.core.clock import SystemClock

SLEPT_S = 100_000
TOLD = """
import time
from mediaserver.core.clock import SystemClock
clock = SystemClock()
print(clock.monotonic_s() - time.monotonic(), clock.run(), sep="\\n")
"""


def test_time_in_which_the_machine_slept_has_passed() -> None:
    """In a namespace the two clocks of the system are as far apart as after a sleep."""
    asleep = ["unshare", "--user", "--map-root-user", "--time", "--boottime", str(SLEPT_S), "--fork"]
    if shutil.which("unshare") is None or subprocess.run([*asleep, "true"], capture_output=True).returncode != 0:
        pytest.skip("left out: a machine that slept: namespaces of time are not allowed here")
    told = subprocess.run([*asleep, sys.executable, "-c", TOLD], check=True, capture_output=True, text=True).stdout
    apart_s, run = told.splitlines()
    assert float(apart_s) > SLEPT_S - 1
    assert run != SystemClock().run(), "it is another clock"


def test_processes_of_one_machine_have_one_clock() -> None:
    began_s = SystemClock().monotonic_s()
    command = "from mediaserver.core.clock import *; print(SystemClock().monotonic_s(), SystemClock().run(), sep='\\n')"
    told = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True).stdout
    there_s, run = told.splitlines()
    assert began_s < float(there_s) < SystemClock().monotonic_s()
    assert run == SystemClock().run()
