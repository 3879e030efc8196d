"""A researcher's own network and optimiser in ``train``."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from lstsr_jax.errors import InputError
from lstsr_jax.predictor import Normalization, load_predictor, save_predictor
from lstsr_jax.predictor.checkpoint import fingerprint, step_directories
from lstsr_jax.training import build_program, train
from lstsr_jax.training.placement import share_out


class Smoothing(nn.Module):
    """One convolution beside the input, and flax's own batch normalisation, which knows nothing of our devices."""

    @nn.compact
    def __call__(self, x, train=False):
        level = nn.BatchNorm(use_running_average=not train, name="norm")(nn.Conv(3, (3, 3), name="conv")(x))
        return x + nn.Conv(1, (1, 1), kernel_init=nn.initializers.zeros, name="output")(level)


class Plain(nn.Module):
    """Without the argument ``train``."""

    channels: int = 1

    @nn.compact
    def __call__(self, x):
        return nn.Conv(self.channels, (3, 3))(x)


def epochs(config, number):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, epochs=number))


@pytest.fixture(scope="module")
def workdir(config, dataset, tmp_path_factory):
    """One epoch, then another; the workdir given as a str."""
    path = str(tmp_path_factory.mktemp("own") / "w")
    for number in (1, 2):
        train(epochs(config, number), dataset, path, module=Smoothing(), optimizer=optax.sgd(1e-3), resume="auto")
    return path


def test_it_is_trained_resumed_and_loaded(config, dataset, workdir, tmp_path):
    alone = train(epochs(config, 2), dataset, tmp_path / "w", module=Smoothing(), optimizer=optax.sgd(1e-3))
    ours, theirs = (load_predictor(step_directories(Path(w))[-1], module=Smoothing()) for w in (workdir, alone))
    assert fingerprint(ours.variables) == fingerprint(theirs.variables)
    assert ours.own_module == "Smoothing" and "Smoothing" in repr(ours)
    assert ours(np.full((1, 6, 7, 1), 290, np.float32)).shape == (1, 24, 28, 1)
    moved = jax.tree.map(lambda leaf: float(jnp.abs(leaf).max()), ours.variables["batch_stats"]["norm"]["mean"])
    assert moved > 0
    with pytest.raises(InputError, match=r"load_predictor\(path, module=Smoothing\(...\)\)"):
        load_predictor(workdir)
    save_predictor(tmp_path / "saved", ours)
    assert load_predictor(tmp_path / "saved", module=Smoothing()).fingerprint == ours.fingerprint


def test_a_run_goes_on_with_its_own_module_and_optimizer_only(config, dataset, workdir):
    with pytest.raises(InputError, match="was trained with module Smoothing; give train"):
        train(epochs(config, 3), dataset, workdir, optimizer=optax.sgd(1e-3), resume=True)
    with pytest.raises(InputError, match="was trained with optimizer given; give train"):
        train(epochs(config, 3), dataset, workdir, module=Smoothing(), resume=True)


def test_what_is_no_network_is_refused_before_anything_is_written(config, dataset, tmp_path):
    with pytest.raises(ValueError, match=r"module maps .* must be \(1, 32, 32, 1\)"):
        train(config, dataset, tmp_path / "w", module=Plain(channels=2))
    assert not (tmp_path / "w").exists()


def test_statistics_of_a_module_that_does_not_reduce_them_are_averaged_over_devices(config):
    """Against each half of the batch on a device of its own."""
    rng = np.random.default_rng(0)
    halves = [{"lst": rng.normal(290 + 5 * i, 3, (4, 32, 32, 1)).astype(np.float32)} for i in range(2)]
    whole = {"lst": np.concatenate([half["lst"] for half in halves])}

    def statistics(batch, devices):
        program = build_program(config, Normalization("train_max", 300.0), 4, devices, module=Smoothing())
        state, _ = program.train_step(program.initial_state(config), share_out(batch, len(devices)))
        return state.batch_stats["norm"]["mean"]

    apart = [statistics(half, jax.devices()[:1]) for half in halves]
    together = statistics(whole, jax.devices()[:2])
    np.testing.assert_allclose(together, (apart[0] + apart[1]) / 2, rtol=1e-5)
    assert np.abs(apart[0] - apart[1]).max() > 1e-5


def test_a_module_without_the_argument_train(config):
    program = build_program(config, Normalization("anomaly", 3.0), 4, jax.devices()[:1], module=Plain())
    lst = np.random.default_rng(0).normal(290, 3, (2, 32, 32, 1)).astype(np.float32)
    state, metrics = program.train_step(program.initial_state(config), share_out({"lst": lst}, 1))
    assert int(state.step) == 1 and np.isfinite(metrics["loss"])
    assert "\n" not in repr(state) and "step 1, 10 parameters" in repr(state)


def test_a_program_is_for_one_configuration(config, dataset, program, tmp_path):
    other = dataclasses.replace(config, train=dataclasses.replace(config.train, learning_rate=0.5))
    with pytest.raises(ValueError, match=r"program was built for train.learning_rate 0.001, not 0.5"):
        train(other, dataset, tmp_path / "w", program=program)
    with pytest.raises(ValueError, match="program brings module"):
        train(config, dataset, tmp_path / "w", program=program, module=Plain())


def test_checkpoints_of_earlier_versions_predict_but_are_not_resumed(config, dataset, program, tmp_path):
    train(epochs(config, 1), dataset, tmp_path / "w", program=program)
    (last,) = step_directories(tmp_path / "w")
    (stored,) = [path for path in (last / "config").iterdir() if "training_format" in path.read_text()]
    metadata = json.loads(stored.read_text())
    for name in ("training_format", "checksums"):  # they had neither
        del metadata[name]
    stored.write_text(json.dumps({**metadata, "epoch_errors": []}))
    with pytest.raises(InputError, match="another version of lstsr_jax and cannot be resumed") as error:
        train(config, dataset, tmp_path / "w", program=program, resume=True)
    assert "\n" not in str(error.value)
    assert load_predictor(tmp_path / "w").config == config.model


def test_a_profile_is_written(config, dataset, program, tmp_path):
    train(epochs(config, 1), dataset, tmp_path / "w", program=program, profile=tmp_path / "trace")
    (trace,) = (tmp_path / "trace").rglob("*.xplane.pb")
    assert trace.stat().st_size > 0
