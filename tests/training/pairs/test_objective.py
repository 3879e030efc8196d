"""The loss of pairs is what the evaluation scores, on any number of devices, and with gaps."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lstsr_jax.evaluation import evaluate_pairs
from lstsr_jax.models import create_model
from lstsr_jax.ops.dihedral import transform, transform_places
from lstsr_jax.predictor import Normalization, Predictor, input_channels
from lstsr_jax.training.pairs.batches import PairBatches, scoring_batches
from lstsr_jax.training.pairs.examples import read_examples
from lstsr_jax.training.placement import share_out
from lstsr_jax.training.state import create_state
from lstsr_jax.training.step import make_eval_step, make_train_step, parallel_eval_step, parallel_train_step
from lstsr_jax.training.task import Task


def of_all(config, **data):
    return dataclasses.replace(config, data=dataclasses.replace(config.data, pairs_fold=None, **data))


@pytest.fixture(scope="module")
def examples(pairs_config):
    return read_examples(of_all(pairs_config)).training


@pytest.fixture(scope="module")
def batch(examples, pairs_config):
    """Two pairs of different shapes."""
    return next(scoring_batches(examples[:2], pairs_config))


@pytest.fixture(scope="module")
def predictor(pairs_config):
    """An untrained network whose last layer is not zero: unlike its input everywhere."""
    module = create_model(pairs_config.model)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 32, 32, input_channels(pairs_config.model))))
    moved = jax.tree.map(lambda p: p + 0.05 * jnp.cos(jnp.arange(p.size)).reshape(p.shape), variables)
    return Predictor(moved, module, pairs_config.model, Normalization("anomaly", 3.0))


def task_of(predictor, **changes):
    return Task(predictor.module, predictor.config, predictor.normalization, **changes)


def stepped(predictor, batch, devices, steps=1, **changes):
    """States after some steps of plain descent, and the metrics of the last."""
    task, optimizer = task_of(predictor, **changes), optax.sgd(1e-2)
    state = create_state(predictor.module, optimizer, seed=0, shape=(32, 32, 3))
    state = state.replace(params=jax.tree.map(jnp.copy, predictor.variables["params"]))
    step = parallel_train_step(make_train_step(task, optimizer), devices=devices)
    for _ in range(steps):
        state, metrics = step(state, share_out(batch, len(devices)))
    return jax.device_get((state.params, metrics))


def test_scores_are_those_of_the_evaluation(pairs_config, pairs_folder, predictor, tmp_path):
    for path in pairs_folder.glob("002_*"):  # a square one, so nothing is filled up
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "index.csv").write_bytes((pairs_folder / "index.csv").read_bytes())
    table = evaluate_pairs({"ours": predictor, "bicubic": "bicubic"}, tmp_path, registration="constant")
    (score,) = table.under("constant")
    (batch,) = scoring_batches(read_examples(of_all(pairs_config, pairs=str(tmp_path))).training, pairs_config)
    assert len(batch["mask"]) == 2 and batch["mask"].any((1, 2, 3)).tolist() == [True, False]  # one filled up
    step = parallel_eval_step(make_eval_step(task_of(predictor)), devices=jax.devices()[:2])
    sums = step(predictor.variables, share_out({"pairs": batch}, 2))
    assert int(sums["pairs"]) == 1
    assert float(sums["rmse_ub"]) == pytest.approx(score.values["ours"]["rmse_ub"], rel=1e-3)
    assert float(sums["ssim_ub"]) == pytest.approx(score.values["ours"]["ssim_ub"], abs=1e-3)
    assert float(sums["ilr_rmse_ub"]) == pytest.approx(score.values["bicubic"]["rmse_ub"], rel=1e-3)
    # An untrained step reports the same as its loss.
    _, metrics = stepped(predictor, {"pairs": {k: v[:1] for k, v in batch.items()}}, jax.devices()[:1])
    loss = score.values["ours"]["rmse_ub"] + 2 * (1 - score.values["ours"]["ssim_ub"])
    assert float(metrics["loss"]) == pytest.approx(loss, rel=1e-3)
    assert float(np.sqrt(metrics["mse"])) == pytest.approx(score.values["ours"]["rmse_ub"], rel=1e-3)


@pytest.mark.slow
def test_two_devices_equal_one(predictor, batch):
    one, two = (stepped(predictor, {"pairs": batch}, jax.devices()[:n], steps=3) for n in (1, 2))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), one, two)


def test_a_padding_pair_changes_nothing_and_its_gradient_is_finite(predictor, batch):
    padded = {name: np.concatenate([values, values[:1]]) for name, values in batch.items()}
    padded["mask"][2] = False
    bare, more = (stepped(predictor, {"pairs": b}, jax.devices()[:1]) for b in (batch, padded))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), bare, more)
    assert float(bare[1]["gradient_norm"]) > 0
    nothing, metrics = stepped(predictor, {"pairs": {k: v[2:] for k, v in padded.items()}}, jax.devices()[:1])
    assert float(metrics["loss"]) == float(metrics["gradient_norm"]) == 0
    jax.tree.map(np.testing.assert_array_equal, nothing, jax.device_get(predictor.variables["params"]))


def test_a_pair_without_a_whole_window_has_a_finite_gradient(predictor, batch):
    thin = {**batch, "mask": batch["mask"] & (np.arange(batch["mask"].shape[1]) % 5 > 0)[None, :, None, None]}
    _, metrics = stepped(predictor, {"pairs": thin}, jax.devices()[:1])
    error = metrics["loss"]  # the SSIM counts as perfect
    assert np.isfinite(metrics["gradient_norm"]) and metrics["gradient_norm"] > 0
    assert 0 < float(error) < 20


def test_a_mixed_step_adds_up_both_losses_with_their_weight(predictor, batch):
    """Plain descent is linear in the gradient: the step on both is the weighted sum of the steps on each."""
    rng = np.random.default_rng(3)
    patches = {"lst": rng.normal(290, 3, (4, 32, 32, 1)).astype(np.float32)}
    patches["ndvi"] = rng.uniform(0, 1, (4, 32, 32, 1)).astype(np.float32)
    devices = jax.devices()[:2]
    before = jax.device_get(predictor.variables["params"])
    (pairs, first), (plain, second) = (stepped(predictor, b, devices) for b in ({"pairs": batch}, patches))
    both, metrics = stepped(predictor, {**patches, "pairs": batch}, devices, patches_weight=0.25)
    expected = jax.tree.map(lambda b, p, q: b + (p - b) + 0.25 * (q - b), before, pairs, plain)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), both, expected)
    assert float(metrics["loss"]) == pytest.approx(float(first["loss"]) + 0.25 * float(second["loss"]), rel=1e-5)
    assert float(metrics["mse"]) == pytest.approx(float(second["mse"]), rel=1e-5)


@pytest.mark.parametrize("code", range(8))
def test_places_turn_with_the_image(code):
    """A field that holds its own coordinates is looked at in the same places, however it lies."""
    rows, columns = np.mgrid[:6, :6].astype(np.float32)
    at = np.random.default_rng(code).integers(0, 6, (2, 3, 4))
    down, right = transform_places(*at, 6, code)
    for field in (rows, columns):
        np.testing.assert_array_equal(transform(field[..., None], code)[down, right, 0], field[at[0], at[1]])


def test_turned_pairs_score_the_same_against_the_same_aster(predictor, examples, pairs_config):
    """All eight ways to lie, with bicubic as the network: nothing of a pair is lost or moved."""
    still, turning = (
        PairBatches(
            examples, with_train(of_all(pairs_config), augment=kind, pairs_noise_k=0, guide_dropout=0), devices=1
        )
        for kind in ("none", "dihedral")
    )
    step = parallel_eval_step(make_eval_step(task_of(predictor)), devices=jax.devices()[:1])
    sums = [
        [float(step(predictor.variables, share_out({"pairs": b}, 1))["ilr_rmse_ub"]) for b in batches.steps(0, 8)]
        for batches in (still, turning)
    ]
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-4)
    assert any(
        not np.array_equal(a["rows"], b["rows"]) for a, b in zip(still.steps(0, 4), turning.steps(0, 4), strict=True)
    )


def with_train(config, **changes):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **changes))
