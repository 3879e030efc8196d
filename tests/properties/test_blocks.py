"""Blocks and the eight orientations: there and back, whatever the size."""

import functools

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lstsr_jax.ops.blocks import depth_to_space, from_blocks, space_to_depth, to_blocks
from lstsr_jax.ops.dihedral import ORIENTATIONS, inverse, transform, transform_places

sides = st.integers(1, 7)


@functools.partial(jax.jit, static_argnums=1)
def there_and_back(field, factor):
    blocks = to_blocks(field, factor)
    return blocks, from_blocks(blocks, factor), depth_to_space(space_to_depth(field, factor), factor)


def field_of(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@settings(max_examples=3)
@given(st.sampled_from([(1, 1), (2, 3), (5, 2)]), st.integers(1, 5), st.integers(1, 3), st.integers(1, 2))
def test_blocks_there_and_back(size, factor, channels, batch):
    field = field_of(batch, size[0] * factor, size[1] * factor, channels)
    blocks, *back = there_and_back(field, factor)
    expected = field.reshape(batch, size[0], factor, size[1], factor, channels).transpose(0, 1, 3, 2, 4, 5)
    np.testing.assert_array_equal(blocks, expected.reshape(blocks.shape))
    for again in back:
        np.testing.assert_array_equal(again, field)


@settings(max_examples=30)
@given(sides, sides, st.sampled_from(ORIENTATIONS))
def test_every_orientation_has_an_inverse(height, width, orientation):
    field = field_of(2, height, width, 3)
    turned = transform(field, orientation)
    assert turned.shape == ((2, width, height, 3) if orientation // 2 % 2 else field.shape)
    np.testing.assert_array_equal(inverse(turned, orientation), field)
    np.testing.assert_array_equal(transform(inverse(field, orientation), orientation), field)


@settings(max_examples=30)
@given(sides, sides, st.sampled_from(ORIENTATIONS), st.sampled_from(ORIENTATIONS))
def test_two_orientations_in_a_row_are_one_of_the_eight(height, width, first, second):
    field = field_of(height, width, 1)
    both = transform(transform(field, first), second)
    found = [k for k in ORIENTATIONS if np.array_equal(transform(field, k), both)]
    assert found, (first, second)
    if height > 1 and width > 1:  # else some of the eight are the same
        assert len(found) == 1


@settings(max_examples=30)
@given(st.integers(1, 9), st.sampled_from(ORIENTATIONS), st.data())
def test_places_go_where_their_pixels_go(side, orientation, data):
    field = field_of(side, side, 1)
    row, column = data.draw(st.tuples(*[st.integers(0, side - 1)] * 2))
    rows, columns = transform_places(np.array([row]), np.array([column]), side, orientation)
    assert transform(field, orientation)[rows[0], columns[0], 0] == field[row, column, 0]
