import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.ops.dihedral import ORIENTATIONS, SUBGROUPS, inverse, transform, transform_each

FIELD = np.arange(2 * 3 * 5 * 2.0).reshape(2, 3, 5, 2)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_an_orientation_is_a_mirror_and_quarter_turns_and_has_an_inverse(orientation, kind):
    turned = transform(kind(FIELD), orientation)
    mirrored = FIELD[:, :, ::-1] if orientation % 2 else FIELD
    np.testing.assert_array_equal(turned, np.rot90(mirrored, orientation // 2, (1, 2)))
    np.testing.assert_array_equal(inverse(turned, orientation), FIELD)


def test_every_image_of_a_batch_is_brought_into_its_own_orientation():
    images = np.random.default_rng(0).normal(size=(8, 6, 6, 2)).astype(np.float32)
    images[:, 1, 2] = np.nan
    order = np.random.default_rng(1).permutation(8)
    for image, turned, orientation in zip(images, np.asarray(transform_each(images, order)), order, strict=True):
        np.testing.assert_array_equal(turned, transform(image, orientation))


def test_the_eight_differ_and_the_groups_are_closed():
    square = np.arange(16.0).reshape(4, 4, 1)
    seen = {name: {transform(square, k).tobytes() for k in group} for name, group in SUBGROUPS.items()}
    assert {name: len(fields) for name, fields in seen.items()} == {"none": 1, "flip": 2, "dihedral": 8}
    for name, group in SUBGROUPS.items():
        again = {transform(transform(square, a), b).tobytes() for a in group for b in group}
        assert again == seen[name]
