"""Which folders lie on which file systems, and being told when that changes."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from mediaserver.library.mounts import Mount, MountWatch, is_remote, mounts_of, parse, relevant

TEXT = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /srv/music rw - nfs4 nas:/music rw,vers=4.2
31 22 0:27 / /srv/My\040Music rw,noatime shared:5 master:1 - fuse.sshfs nas:/x rw
32 30 0:28 / /srv/music/usb rw - vfat /dev/sdb1 rw
33 22 8:2 / /srv/musical rw - ext4 /dev/sdc1 rw
broken line
"""


def test_the_mounts_are_read_with_their_spaces_and_options() -> None:
    assert [(one.point, one.kind) for one in parse(TEXT)] == [
        ("/", "ext4"),
        ("/srv/music", "nfs4"),
        ("/srv/My Music", "fuse.sshfs"),
        ("/srv/music/usb", "vfat"),
        ("/srv/musical", "ext4"),
    ]


@pytest.mark.parametrize(
    ("root", "kinds"),
    [
        ("/srv/music", ["nfs4", "vfat"]),
        ("/srv/music/albums", ["nfs4"]),
        ("/srv/musical/x", ["ext4"]),
        ("/srv", ["ext4", "nfs4", "fuse.sshfs", "vfat", "ext4"]),
        ("/home", ["ext4"]),
        ("/srv/My Music", ["fuse.sshfs"]),
    ],
)
def test_a_root_lies_on_the_nearest_mount_and_has_those_below(root: str, kinds: list[str]) -> None:
    assert [one.kind for one in relevant(parse(TEXT), root)] == kinds


def test_of_two_mounts_at_one_place_the_later_one_counts() -> None:
    mounts = [Mount(1, "/", "ext4"), Mount(2, "/a", "ext4"), Mount(3, "/a", "nfs")]
    assert relevant(mounts, "/a/b") == [mounts[2]]


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "fuse.sshfs", "fuse.rclone", "9p", "virtiofs"])
def test_others_change_remote_file_systems_unseen(kind: str) -> None:
    assert is_remote(kind)


@pytest.mark.parametrize(
    "kind", ["ext4", "btrfs", "xfs", "vfat", "exfat", "fuseblk", "tmpfs", "overlay", "zfs", "ntfs3"]
)
def test_local_ones_are_watched_alone(kind: str) -> None:
    assert not is_remote(kind)


@pytest.mark.skipif(os.geteuid() != 0, reason="left out: only root may mount")
def test_mounting_and_unmounting_are_told(tmp_path: Path) -> None:
    told = threading.Event()
    watch = MountWatch(told.set)
    watch.start()
    try:
        before = mounts_of(tmp_path)
        subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=True)
        try:
            assert told.wait(20)
            assert [one.kind for one in mounts_of(tmp_path)] == ["tmpfs"]
            told.clear()
        finally:
            subprocess.run(["umount", tmp_path], check=True)
        assert told.wait(20)
        assert mounts_of(tmp_path) == before
    finally:
        watch.stop()
