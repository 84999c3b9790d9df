"""Shapes in recipes: how they are written, and what they make of a ladder."""

from __future__ import annotations

import pytest

from mediaserver.core.errors import NotFound
from mediaserver.streaming import constant, offers, shapes
from mediaserver.streaming.abilities import known
from mediaserver.streaming.ladder import AAC_RUNGS, parse_recipe
from mediaserver.streaming.shapes import FLAT, Shape
from tests.streaming.test_ladder import HERE, sound

SHAPES = [Shape(-65), Shape(20), Shape(1, True), Shape(0, True), Shape(-400), Shape(200)]


@pytest.mark.parametrize("shape", [FLAT, *SHAPES])
def test_a_shape_is_read_as_it_is_written(shape: Shape) -> None:
    assert shapes.parsed(str(shape)) == shape
    recipe = HERE.shaped(shape).recipe(AAC_RUNGS[0])
    assert parse_recipe(str(recipe)) == recipe
    assert recipe.shape == shape


@pytest.mark.parametrize(
    "text", ["m0", "p0", "m065", "p201", "m401", "65", "m", "nn", "N", "m65 n", "m65-n", "x", "p٣"]
)
def test_what_is_written_otherwise_is_no_shape(text: str) -> None:
    with pytest.raises(NotFound):
        shapes.parsed(text)


def test_gains_in_db_are_rounded_and_bounded() -> None:
    assert Shape.of_db(-6.54) == Shape(-65)
    assert Shape.of_db(99.0) == Shape(200)
    assert Shape.of_db(-99.0) == Shape(-400)
    assert Shape.of_db(-0.04).is_flat


def test_each_shape_has_recipes_of_its_own_and_the_flat_ones_are_as_ever() -> None:
    plain = HERE.recipe(AAC_RUNGS[0])
    assert HERE.shaped(FLAT).recipe(AAC_RUNGS[0]) == plain
    hashes = {HERE.shaped(shape).recipe(AAC_RUNGS[0]).hash.partition("-")[0] for shape in SHAPES} | {plain.hash}
    assert len(hashes) == len(SHAPES) + 1
    index = shapes.without_own_packets(sound())
    for shape in SHAPES:
        ladder = HERE.shaped(shape)
        for rung in (*offers.rungs(index, "aac"), *offers.rungs(index, "flac")):
            found = ladder.rendition(index, ladder.recipe(rung))
            assert (found.shape, found.is_passthrough) == (shape, False)
            assert constant.current_hash(ladder, ladder.recipe(rung)) == ladder.recipe(rung).hash
        with pytest.raises(NotFound):
            ladder.rendition(index, plain)
        with pytest.raises(NotFound):
            HERE.rendition(index, ladder.recipe(AAC_RUNGS[0]))
        mp3 = ladder.recipe(constant.MP3_RUNGS[0])
        assert constant.of_recipe(ladder, index, mp3).shape == shape


def test_of_a_shaped_sound_nothing_is_untouched_or_whole_and_the_file_is_not_offered() -> None:
    assert [one.way for one in offers.allowed(sound(), 99)].count("direct") == 1
    plain = offers.decide(sound(), known("Safari"), 99)
    assert any(one.is_untouched for one in plain)
    shaped = offers.decide(shapes.without_own_packets(sound()), known("Safari"), 99, is_shaped=True)
    assert {one.candidate.way for one in shaped} == {"hls", "dash", "progressive"}
    assert not any(one.is_untouched or one.candidate.is_whole for one in shaped)
