import dataclasses

import numpy as np
import pytest

from lstsr_jax.config import Config, TrainConfig
from lstsr_jax.data.augmentation import Augment, blurred, displaced


def augmented(config, example, rng):
    batch = Augment(config)({name: values[None] for name, values in example.items()}, [rng])
    return {name: values[0] for name, values in batch.items()}


def test_a_blur_takes_noise_away_as_the_gaussian_says():
    """White noise of variance 1 keeps 1 / (4 pi sigma^2) of it."""
    noise = np.random.default_rng(0).normal(290, 1, (256, 256, 1)).astype(np.float32)
    for sigma in (1.5, 3.0):
        assert blurred(noise, sigma).var() == pytest.approx(1 / (4 * np.pi * sigma**2), rel=0.1)
    np.testing.assert_allclose(blurred(noise, 0.0), noise, atol=1e-4)


def test_a_blur_looks_over_gaps_and_keeps_them():
    rows = np.arange(40.0)[:, None, None] * np.ones((1, 40, 1))
    image = (290 + 0.1 * rows).astype(np.float32)
    image[10:14, 10:14] = np.nan
    out = blurred(image, 1.2)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(image))
    inside = out[8:-8, 20:-8]
    np.testing.assert_allclose(inside, image[8:-8, 20:-8], atol=1e-3)  # a plane stays a plane
    assert np.nanmax(np.abs(out - image)[8:-8, 8:-8]) < 0.3  # no leak of a filler
    assert np.isnan(blurred(np.full((4, 4, 1), np.nan, np.float32), 1.0)).all()


def test_displaced_moves_down_and_right_and_repeats_the_edge():
    image = np.arange(12.0).reshape(3, 4, 1)
    np.testing.assert_array_equal(displaced(image, 1, 2)[..., 0], [[0, 0, 0, 1], [0, 0, 0, 1], [4, 4, 4, 5]])
    np.testing.assert_array_equal(displaced(image, -1, 0)[..., 0], [[4, 5, 6, 7], [8, 9, 10, 11], [8, 9, 10, 11]])


def test_the_sensor_sees_the_patch_displaced_by_the_spread_asked_for():
    """Against the position of a single warm pixel, found again in what was seen."""
    config = Config(train=TrainConfig(augment="none", input_shift_px=1.5, coarsen=2))
    patch = np.full((64, 64, 1), 290.0, np.float32)
    patch[32, 32] = 300
    seen = [augmented(config, {"lst": patch}, np.random.default_rng(seed))["seen"] for seed in range(300)]
    moved = np.array([np.unravel_index(np.argmax(s[..., 0]), (64, 64)) for s in seen]) - 32
    assert np.abs(moved.mean(0)).max() < 0.6 and moved.std(0) == pytest.approx([3.0, 3.0], rel=0.12)


def test_truth_and_ndvi_stay_in_place():
    config = Config(train=TrainConfig(augment="none", input_shift_px=1.0, input_blur_px=2.0, guide_dropout=0.0))
    rng = np.random.default_rng(1)
    example = {name: rng.normal(290, 1, (32, 32, 1)).astype(np.float32) for name in ("lst", "ndvi")}
    out = augmented(config, example, rng)
    for name, image in example.items():
        np.testing.assert_array_equal(out[name], image)
    plain = dataclasses.replace(config, train=TrainConfig(augment="none", guide_dropout=0.0))
    assert set(augmented(plain, example, rng)) == {"lst", "ndvi"}


def test_a_crop_is_the_same_window_of_all_images_anywhere_in_the_patch():
    config = Config(train=TrainConfig(augment="none", crop=24, input_noise_k=1.0, guide_dropout=0.0))
    rng = np.random.default_rng(2)
    number = np.arange(64.0 * 64).reshape(64, 64, 1)
    corners = set()
    for _ in range(400):
        out = augmented(config, {"lst": number, "ndvi": -number}, rng)
        np.testing.assert_array_equal(out["lst"], -out["ndvi"])
        np.testing.assert_array_equal(out["lst"] - out["lst"][0, 0], number[:24, :24])
        assert out["noise"].shape == (6, 6, 1)
        corners.add(divmod(int(out["lst"][0, 0, 0]), 64))
    rows, columns = zip(*corners, strict=True)
    assert (min(rows), max(rows), min(columns), max(columns)) == (0, 40, 0, 40)
