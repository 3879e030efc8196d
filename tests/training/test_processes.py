"""Two processes on this machine, connected as two hosts would be, against one."""

import csv
import dataclasses
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from lstsr_jax.data import TrainingBatches, evaluation_batches
from lstsr_jax.predictor import load_predictor
from lstsr_jax.predictor.checkpoint import step_directories

ROOT = Path(__file__).resolve().parents[2]


def rows(workdir):
    with (workdir / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def run_together(arguments, count=2):
    """Start ``train.py --distributed`` in that many processes of one device each; their exit statuses and stderr."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "JAX_NUM_CPU_DEVICES": "1",
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_NUM_PROCESSES": str(count),
    }
    command = [sys.executable, str(ROOT / "train.py"), "--distributed", *map(str, arguments)]
    started = [
        subprocess.Popen(
            command, env={**common, "JAX_PROCESS_ID": str(i)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for i in range(count)
    ]
    try:
        ends = [process.communicate(timeout=1800) for process in started]
    finally:
        for process in started:
            process.kill()
    return [process.returncode for process in started], [stderr for _, stderr in ends]


@pytest.mark.slow
@pytest.mark.parametrize("alone", ["uninterrupted", "trained"])
def test_two_processes_equal_one(alone, request, tmp_path):
    """One epoch, then the others from its checkpoint, by two processes of one device; ``alone`` is one of two.

    ``trained`` has batch normalisation. Its statistics of two devices are those of one but for rounding, of which Adam
    makes steps where a gradient is zero (tests/training/test_devices.py holds them in float64): its parameters may be
    off by as much as it moves in a run, what it scores may not.
    """
    close = 1e-5 if alone == "uninterrupted" else 2e-2
    alone = request.getfixturevalue(alone)
    stored = json.loads((alone / "config.json").read_text())
    arguments = ["--granules", stored["data"]["granules"], "--workdir", tmp_path / "w", "--preset", "paper"]
    for part, name in (
        *(("data", name) for name in ("data_dir", "patch_size", "stride", "split_by")),
        *(("model", name) for name in ("name", "width", "blocks", "normalization")),
        *(("train", name) for name in ("batch_size", "learning_rate", "augment", "average_decay")),
    ):
        arguments += [f"--{part}.{name.replace('_', '-')}", stored[part][name]]
    resumed = ["--resume", "--workdir", tmp_path / "w", "--train.epochs", stored["train"]["epochs"]]
    for flags in ([*arguments, "--train.epochs", "1"], resumed):  # the run's own flags are found again
        codes, errors = run_together(flags)
        assert codes == [0, 0], errors
        assert "validation RMSE" in errors[0] and "validation RMSE" not in errors[1]
    ours, theirs = (load_predictor(step_directories(w)[-1]).variables for w in (tmp_path / "w", alone))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=close), ours, theirs)
    for mine, one in zip(rows(tmp_path / "w"), rows(alone), strict=True):
        for name in ("train_rmse_k", "validation_rmse_k", "validation_ilr_rmse_k"):
            assert abs(float(mine[name]) - float(one[name])) < 1e-5


def test_processes_share_every_training_batch(dataset, small_config):
    source = dataset.source("train")
    parts = [TrainingBatches(source, small_config, devices=2, process=p, processes=2) for p in range(2)]
    first = parts[0].steps_per_epoch
    steps = [part.steps(first, 2 * first) for part in parts]
    whole = [batch["lst"] for batch in TrainingBatches(source, small_config, devices=1).steps(first, 2 * first)]
    for one, *two in zip(whole, *steps, strict=True):
        for p, part in enumerate(two):  # the same patches, turned the same way
            assert part["lst"].shape == (4, 32, 32, 1)
            np.testing.assert_array_equal(part["lst"], one[p::2])


def test_processes_share_the_validation_patches(dataset):
    source = [dataset.source("validation")[i] for i in range(9)]
    for processes in (1, 2, 4):
        shares = [list(evaluation_batches(source, 8, process=p, processes=processes)) for p in range(processes)]
        assert {len(share) for share in shares} == {2}  # all take part in every step
        seen = [patch for share in shares for batch, _ in share for patch in batch["lst"]]
        assert len(seen) == 16
        counted = sorted(patch.tobytes() for patch in seen if not np.isnan(patch).all())
        assert counted == sorted(example["lst"].tobytes() for example in source)


def test_a_step_is_traced_back_to_its_examples(dataset, small_config):
    source = dataset.source("train")
    plain = dataclasses.replace(small_config, train=dataclasses.replace(small_config.train, augment="none"))
    batches = TrainingBatches(source, plain, devices=1)
    first = batches.steps_per_epoch
    for step, batch in enumerate(batches.steps(first, 2 * first), first):
        indices = batches.examples(step)
        np.testing.assert_array_equal(batch["lst"], np.stack([source[i]["lst"] for i in indices]))
