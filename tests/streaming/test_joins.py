"""The joins of segments are as clean as one continuous encode, whatever the rate, the channels and the sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import joins

WORST_DB = 1.0
"""Of one join: what was promised. Segments begin 24 frames early, so the encoder's decisions are those of a continuous
encode nearly everywhere; where its psychoacoustics differ for a frame, either may come out better."""
MEAN_DB = 0.15
"""Of all joins of a rendition, and of all places inside its segments: a fault of the joins would show at each of them.
The worst mean seen is 0.06 dB; without any warm-up it is from 0.2 dB (noise) to 55 dB (a sine)."""


def assert_clean(judged: joins.Judged) -> None:
    ours, continuous = joins.mean_db(judged.joins)
    told = f"rank {judged.rung.rank}: {ours:.2f} dB, continuous {continuous:.2f} dB, worst {judged.worst_db:.2f} lower"
    assert judged.worst_db < WORST_DB, told
    assert continuous - ours < MEAN_DB, told
    inside, continuous_inside = joins.mean_db(judged.inside)
    assert continuous_inside - inside < MEAN_DB, f"{inside:.2f} dB inside, continuous {continuous_inside:.2f} dB"


@pytest.mark.parametrize("material", joins.MATERIALS)
@pytest.mark.parametrize("layout", joins.LAYOUTS)
@pytest.mark.parametrize("rate_hz", joins.RATES_HZ)
def test_joins_are_as_clean_as_one_continuous_encode(rate_hz: int, layout: str, material: str, tmp_path: Path) -> None:
    """Two joins of every rung."""
    for one in joins.judged(tmp_path, "flac", material, rate_hz=rate_hz, layout=layout, seconds=9):
        assert len(one.joins) == 2
        assert_clean(one)


@pytest.mark.parametrize("material", joins.MATERIALS_OF["opus"])
@pytest.mark.parametrize(("rate_hz", "layout"), [(44_100, "stereo"), (48_000, "mono"), (96_000, "stereo")])
def test_joins_of_opus_are_as_clean(rate_hz: int, layout: str, material: str, tmp_path: Path) -> None:
    for one in joins.judged(tmp_path, "flac", material, rate_hz=rate_hz, layout=layout, seconds=9, family="opus"):
        assert len(one.joins) == 2
        assert_clean(one)


@pytest.mark.long
@pytest.mark.parametrize(
    ("family", "material"), [(family, name) for family, names in joins.MATERIALS_OF.items() for name in names]
)
@pytest.mark.parametrize("layout", joins.LAYOUTS)
@pytest.mark.parametrize("rate_hz", joins.RATES_HZ)
def test_many_joins_are_as_clean(rate_hz: int, layout: str, material: str, family: str, tmp_path: Path) -> None:
    sound = {"rate_hz": rate_hz, "layout": layout, "seconds": 61, "seed": 2, "family": family}
    for one in joins.judged(tmp_path, "flac", material, **sound):  # type: ignore[arg-type]
        assert len(one.joins) == 15
        assert_clean(one)


@pytest.mark.long
@pytest.mark.parametrize(
    ("family", "material"), [(family, name) for family, names in joins.MATERIALS_OF.items() for name in names]
)
@pytest.mark.parametrize("kind", joins.FORMATS)
def test_joins_are_as_clean_from_every_kind_of_source(kind: str, material: str, family: str, tmp_path: Path) -> None:
    for rate_hz in (48_000,) if kind == "opus" else (44_100, 48_000):
        for one in joins.judged(tmp_path, kind, material, rate_hz=rate_hz, layout="stereo", seconds=31, family=family):
            assert_clean(one)
