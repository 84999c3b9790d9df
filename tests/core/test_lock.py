from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mediaserver.core.errors import Conflict
from mediaserver.core.lock import only_one

HOLD = """
import pathlib, sys
from mediaserver.core.lock import only_one
with only_one(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

AS_NOBODY = """
import os, pathlib, sys
from mediaserver.core.lock import only_one
os.setgid(65534)
os.setuid(65534)
try:
    with only_one(pathlib.Path(sys.argv[1])):
        pass
except Exception as error:
    print(error)
"""


def test_a_second_server_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Conflict, match="another server"), only_one(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with only_one(tmp_path):
        pass


def test_another_user_s_server_is_told_by_its_user() -> None:
    if os.getuid() != 0:
        pytest.skip("left out: a second user: run as root")
    shared = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        shared.chmod(0o777)
        with only_one(shared):
            pass
        ended = subprocess.run([sys.executable, "-c", AS_NOBODY, str(shared)], capture_output=True, text=True)
        told = f"{shared} is kept by the user root: run as that user, or give another --data-dir\n"
        assert (ended.stdout, ended.stderr) == (told, "")
    finally:
        shutil.rmtree(shared)
