"""By how much a sound is turned up or down."""

from __future__ import annotations

import pytest

from mediaserver.streaming.levelling import gain_db


@pytest.mark.parametrize(
    ("lufs", "dbtp", "target", "wanted"),
    [
        (-9.44, 0.3, -18.0, -8.6),  # loud music is turned down
        (-23.0, -9.0, -18.0, 5.0),  # soft music is turned up
        (-23.0, -3.02, -18.0, 2.0),  # as far as its peak lets
        (-23.0, 0.0, -18.0, -1.0),  # and is turned down a little where it would clip as it is
        (-23.0, None, -18.0, 0.0),  # not at all where its peak is not known
        (-9.0, None, -18.0, -9.0),
        (None, -3.0, -18.0, None),  # silence
        (-69.0, -60.0, -18.0, 20.0),  # no gain without a bound
        (10.0, 10.0, -35.0, -40.0),
    ],
)
def test_a_gain_leads_to_the_target_and_never_over_the_ceiling(
    lufs: float | None, dbtp: float | None, target: float, wanted: float | None
) -> None:
    assert gain_db(lufs, dbtp, target) == wanted
    if wanted is not None and dbtp is not None:
        assert wanted + dbtp <= -1.0 + 1e-9
