from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import re, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from argon2 import PasswordHasher
from mediaserver.core.memory import give_back_large

def mb():
    return int(re.search(r"^Pss:\\s+(\\d+)", open("/proc/self/smaps_rollup").read(), re.M)[1]) / 1024

if sys.argv[1] == "yes":
    assert give_back_large()
hasher, together = PasswordHasher(time_cost=1, memory_cost=19 * 1024, parallelism=1), Barrier(4)
def twice():
    together.wait()
    hasher.hash("one")
    hasher.hash("two")
before = mb()
with ThreadPoolExecutor(4) as pool:
    for one in [pool.submit(twice) for _ in range(4)]:
        one.result()
print(mb() - before)
"""

TRIMMED = """
from mediaserver.core.memory import give_back_freed
before = mb()
blocks = [bytearray(2000) for _ in range(10_000)]
blocks = blocks[-1:]  # the last one keeps the heap from shrinking by itself
held = mb() - before
assert give_back_freed()
print(held, mb() - before)
"""


def grown_mb(gives_back: str) -> float:
    return float(
        subprocess.run([sys.executable, "-c", CODE, gives_back], capture_output=True, check=True, timeout=120).stdout
    )


@pytest.mark.skipif(sys.platform != "linux", reason="not here: glibc's mallopt")
def test_hashing_passwords_in_threads_leaves_no_memory_behind() -> None:
    assert grown_mb("yes") < 10
    assert grown_mb("no") > 15, "glibc gives it back by itself by now: the module is not needed any more"


@pytest.mark.skipif(sys.platform != "linux", reason="not here: glibc's malloc_trim")
def test_pages_in_the_midst_of_the_heap_that_hold_nothing_are_given_back() -> None:
    code = CODE.split("hasher")[0] + TRIMMED
    held, trimmed = subprocess.run(
        [sys.executable, "-c", code, "no"], capture_output=True, check=True, timeout=120
    ).stdout.split()
    assert float(held) > 15
    assert float(trimmed) < 5


def test_the_serving_process_loads_no_decoder() -> None:
    """PyAV takes 16 MB of each process that loads it, and only workers decode."""
    code = "import sys, mediaserver.cli.serve; print([name for name in sys.modules if name.partition('.')[0] == 'av'])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert told.stdout == "[]\n"
