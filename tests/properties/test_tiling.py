"""Tiles: their weights sum to one, they cover every pixel, and a blend of what is the same in all changes nothing."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lstsr_jax.scene.tiling import DROP, Tiling, blend, layout


@st.composite
def tilings(draw, largest=70):
    overlap = draw(st.integers(2 * DROP + 1, largest // 2))
    return Tiling(draw(st.integers(overlap + 1, largest)), overlap, draw(st.integers(1, 3)))


@settings(max_examples=40)
@given(tilings(), st.integers(0, 400), st.integers(1, 8))
@example(Tiling(6, 5), 1, 1)
@example(Tiling(64, 8), 1200 - 64, 4)
def test_weights_sum_to_one_and_cover_every_pixel(tiling, more, factor):
    size = tiling.tile + more
    total, spans = np.zeros(size * factor), layout(size, tiling, factor)
    for span in spans:
        assert 0 <= span.origin <= size - tiling.tile
        assert span.start % factor == 0 == span.weights.size % factor
        assert (span.weights >= 0).all()
        assert span.origin * factor <= span.start
        assert span.start + span.weights.size <= (span.origin + tiling.tile) * factor
        total[span.start : span.start + span.weights.size] += span.weights
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert (spans[0].origin, spans[-1].origin) == (0, size - tiling.tile)


@settings(max_examples=40)
@given(tilings(), st.integers(0, 400), st.integers(1, 8))
def test_no_tile_is_used_at_its_inner_borders(tiling, more, factor):
    size = tiling.tile + more
    for span in layout(size, tiling, factor):
        used = span.start / factor + np.flatnonzero(span.weights > 0) / factor - span.origin
        if span.origin > 0:
            assert used[0] >= DROP - 1 + 1 / factor
        if span.origin < size - tiling.tile:
            assert used[-1] < tiling.tile - DROP + 1


@settings(max_examples=12)
@given(
    tilings(24),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from([1, 2, 4]),
    st.integers(0, 2**32 - 1),
    st.floats(0, 1),
)
def test_a_blend_of_what_each_tile_sees_is_the_field_itself(tiling, shape, factor, seed, share):
    random = np.random.default_rng(seed)
    field = random.uniform(200, 340, shape).astype(np.float32)
    wanted = random.random(shape) < share

    def refine(coarse, guides):
        return np.asarray(coarse).repeat(factor, 1).repeat(factor, 2)

    fine = blend(refine, field, wanted, tiling, factor=factor)
    assert fine.shape == (1, shape[0] * factor, shape[1] * factor)
    expected, seen = (values.repeat(factor, 0).repeat(factor, 1) for values in (field, wanted))
    np.testing.assert_allclose(fine[0][seen], expected[seen], rtol=2e-6)
