import functools
import json

import numpy as np
import pytest
import scipy.stats

from lstsr_jax import as_super_resolver
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation import evaluate, reliability, write_report
from lstsr_jax.evaluation.figures import reliability_figure
from lstsr_jax.evaluation.reliability import LEVELS, coverage, errors_and_spreads, fit
from lstsr_jax.ops.resize import upsample
from lstsr_jax.predictor import SpreadCalibration, load_predictor


def test_finds_floor_and_scale_again():
    rng = np.random.default_rng(0)
    spread = rng.gamma(2.0, 0.2, 200_000)
    errors = rng.normal(0, np.sqrt(0.3**2 + (1.7 * spread) ** 2))
    found = fit(errors, spread)
    assert (found.floor_k, found.scale) == (pytest.approx(0.3, rel=0.03), pytest.approx(1.7, rel=0.03))
    np.testing.assert_allclose(coverage(errors, found.sigma(spread)), LEVELS, atol=0.005)


def test_heavy_tails_still_cover_the_stated_share():
    rng = np.random.default_rng(1)
    spread = rng.gamma(2.0, 0.2, 100_000)
    errors = rng.laplace(0, 0.4 + spread)
    sigma = fit(errors, spread).sigma(spread)
    assert coverage(errors, sigma, [0.9]) == [pytest.approx(0.9, abs=0.001)]


def test_several_levels_share_what_heavy_tails_make_wrong():
    rng = np.random.default_rng(1)
    spread = rng.gamma(2.0, 0.2, 100_000)
    errors = rng.standard_t(4, spread.size) * (0.4 + spread)
    levels = [0.5, 0.68, 0.9, 0.95]

    def worst(calibration):
        return np.abs(np.subtract(coverage(errors, calibration.sigma(spread), levels), levels)).max()

    balanced = fit(errors, spread, levels)
    assert worst(balanced) < 0.6 * worst(fit(errors, spread))
    for stretch in (0.98, 1.02):
        other = SpreadCalibration(stretch * balanced.floor_k, stretch * balanced.scale)
        assert worst(other) > worst(balanced)


def test_coverage_is_that_of_the_normal_distribution():
    errors = np.random.default_rng(2).normal(0, 2.0, 100_000)
    expected = [2 * scipy.stats.norm.cdf(scipy.stats.norm.ppf((1 + level) / 2) / 2) - 1 for level in LEVELS]
    np.testing.assert_allclose(coverage(errors, np.ones(errors.shape)), expected, atol=0.01)


def add_to_the_left(coarse):
    """Bicubic, and more on the left than on the right, so that the eight orientations differ."""
    fine = upsample(coarse, 4)
    return fine + np.linspace(0.5, 0, fine.shape[2], dtype=np.float32).reshape(1, 1, -1, 1)


bicubic = as_super_resolver(functools.partial(upsample, factor=4), conserves_energy=False)
restless = as_super_resolver(add_to_the_left, conserves_energy=False)


def errors_of(predictor, dataset):
    return errors_and_spreads({"it": predictor}, dataset, "test", 4)["it"]


def test_errors_are_those_of_the_mean(dataset):
    errors, spread = errors_of(restless, dataset)
    assert errors.size == len(dataset.source("test")) * 24 * 24
    plain, none = errors_of(bicubic, dataset)
    np.testing.assert_allclose(errors, plain + 0.25, atol=1e-3)  # the mean over all orientations is a constant
    assert spread.max() > 0.1 and none.max() < 1e-3


def test_report(dataset, tmp_path):
    checked = reliability({"restless": restless}, dataset)
    found = checked.to_dict()["restless"]
    assert 0.8 < found["calibrated"]["0.9"] < 0.97 and found["as it is"]["0.9"] != found["calibrated"]["0.9"]
    reliability_figure(tmp_path / "reliability.png", checked)
    assert "restless, calibrated" in checked.table() and (tmp_path / "reliability.png").is_file()
    assert SpreadCalibration(found["floor_k"], found["scale"]).sigma(np.zeros(1))[0] == pytest.approx(found["floor_k"])


@pytest.mark.slow
def test_the_pass_that_scores_finds_the_same_errors_and_spreads(trained, dataset, tmp_path):
    network = load_predictor(trained)
    evaluation = evaluate(["bicubic", network], dataset, reliability=True)
    write_report(evaluation, tmp_path)
    apart = reliability({"mrunet": network}, dataset)
    assert json.loads((tmp_path / "reliability.json").read_text()) == apart.to_dict()
    assert (tmp_path / "reliability.png").is_file() and evaluation.reliability.table() == apart.table()
    with pytest.raises(InputError, match="`split` validation: the spread is fitted on validation"):
        evaluate([network], dataset, split="validation", reliability=True)
