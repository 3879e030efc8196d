import csv
import dataclasses
import json

import numpy as np
import pytest

from lstsr_jax.data import TrainingBatches
from lstsr_jax.errors import InputError
from lstsr_jax.predictor import load_predictor
from lstsr_jax.predictor.checkpoint import find_checkpoint, step_directories
from lstsr_jax.training import train


def rows(workdir):
    with (workdir / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_writes_logs_and_checkpoints(trained, small_config):
    assert [row["epoch"] for row in rows(trained)] == ["1", "2"]
    assert 1 <= len(step_directories(trained)) <= 2
    assert list((trained / "tensorboard").glob("events.out.tfevents.*"))
    stored = json.loads((trained / "config.json").read_text())
    assert stored["model"]["width"] == small_config.model.width


def test_best_checkpoint_is_the_one_with_the_lowest_validation_rmse(trained):
    best = min(rows(trained), key=lambda row: float(row["validation_rmse_k"]))
    steps = [int(d.name) for d in step_directories(trained)]
    per_epoch = max(steps) // 2
    assert int(find_checkpoint(trained).name) == per_epoch * int(best["epoch"])


def test_a_workdir_holds_one_run(trained, small_config, dataset):
    with pytest.raises(InputError, match="holds a run already; add `resume`"):
        train(small_config, dataset, trained)
    other = dataclasses.replace(small_config, model=dataclasses.replace(small_config.model, width=8))
    with pytest.raises(InputError, match=r"model.width is 8 but the run in .* has 4"):
        train(other, dataset, trained, resume=True)


def test_nothing_to_resume(small_config, dataset, tmp_path):
    with pytest.raises(InputError, match="holds no run; leave `resume` out"):
        train(small_config, dataset, tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()


def test_batch_must_divide_over_devices(small_config, dataset, tmp_path):
    odd = dataclasses.replace(small_config, train=dataclasses.replace(small_config.train, batch_size=9))
    with pytest.raises(InputError, match="multiple of the 2 devices"):
        train(odd, dataset, tmp_path / "odd")


def test_a_loss_that_is_not_finite_stops_the_run(config, dataset, tmp_path):
    hot = dataclasses.replace(config, train=dataclasses.replace(config.train, learning_rate=1e30))
    with pytest.raises(InputError, match=r"not finite .*lower `train\.learning_rate`"):
        train(hot, dataset, tmp_path / "hot")


def test_training_batches_depend_on_seed_and_step_alone(dataset, small_config):
    def batches(**changes):
        config = dataclasses.replace(small_config, train=dataclasses.replace(small_config.train, **changes))
        return TrainingBatches(dataset.source("train"), config, devices=2)

    per_epoch = batches().steps_per_epoch

    def epoch(number, start=0, **changes):
        steps = batches(**changes).steps(number * per_epoch + start, (number + 1) * per_epoch)
        return [batch["lst"] for batch in steps]

    whole = epoch(1)
    np.testing.assert_array_equal(whole[2:], epoch(1, start=2))
    assert len(whole) == per_epoch and whole[0].shape == (8, 32, 32, 1)
    assert not np.array_equal(whole[0], epoch(0)[0])
    assert not np.array_equal(whole[0], epoch(1, seed=1)[0])
    plain = np.concatenate([lst.reshape(-1, 32, 32) for lst in epoch(1, augment="none")])
    patches = {example["lst"].tobytes() for example in dataset.source("train")}
    drawn = [patch.tobytes() for patch in plain]
    assert len(set(drawn)) == len(drawn) and set(drawn) <= patches  # each patch at most once
    flipped = {patch[:, ::-1].tobytes() for patch in plain}
    for patch in epoch(1, augment="flip")[0].reshape(-1, 32, 32):
        assert patch.tobytes() in patches | flipped
    across = batches().steps(per_epoch - 1, per_epoch + 1)  # the order of an epoch does not depend on where one begins
    np.testing.assert_array_equal([batch["lst"] for batch in across], [epoch(0)[-1], whole[0]])


def test_noise_on_the_coarse_input_has_the_size_asked_for(dataset, small_config):
    config = dataclasses.replace(small_config, train=dataclasses.replace(small_config.train, input_noise_k=2.0))
    batches = TrainingBatches(dataset.source("train"), config, devices=2)
    noise = np.concatenate([batch["noise"].reshape(-1, 64) for batch in batches.steps(0, batches.steps_per_epoch)])
    spread = noise.std(axis=1)
    assert spread.max() < 2.6 and spread.min() < 0.7 and 0.6 < spread.mean() < 1.4


def test_a_guided_network_needs_ndvi(dataset, small_config):
    config = dataclasses.replace(small_config, model=dataclasses.replace(small_config.model, guide="ndvi"))
    with pytest.raises(InputError, match=r"holds no NDVI; give `data\.ndvi`"):
        TrainingBatches(dataset.source("train"), config, devices=1)


@pytest.mark.parametrize(
    "model",
    [
        {"name": "vdsr", "depth": 3},
        pytest.param({"name": "dmcn"}, marks=pytest.mark.slow),
        {"name": "edsr", "blocks": 1},
    ],
    ids=str,
)
def test_every_network_trains_and_loads(small_config, dataset, tmp_path, model):
    config = dataclasses.replace(
        small_config,
        model=dataclasses.replace(small_config.model, **model),
        train=dataclasses.replace(small_config.train, epochs=1),
    )
    train(config, dataset, tmp_path / "w")
    longer = dataclasses.replace(config, train=dataclasses.replace(config.train, epochs=2))
    train(longer, dataset, tmp_path / "w", resume=True)
    predictor = load_predictor(tmp_path / "w")
    assert predictor.config.name == model["name"]
    assert predictor(np.full((1, 6, 7, 1), 290, np.float32)).shape == (1, 24, 28, 1)
