"""The commands as a user runs them, in a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments, cwd, ok=True):
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(ROOT / arguments[0]), *map(str, arguments[1:])],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode == 0) == ok, done.stderr
    return done


def test_train_then_evaluate(granules, tmp_path):
    small = ["--granules", granules, "--data.patch-size", 32, "--data.stride", 32, "--data.data-dir", tmp_path / "tfds"]
    done = run("train.py", *small, "--model.width", 4, "--train.epochs", 1, "--workdir", tmp_path / "w", cwd=tmp_path)
    assert "| mrunet |" in done.stdout and "validation RMSE" in done.stderr
    assert json.loads((tmp_path / "w" / "report" / "metrics.json").read_text())["split"] == "test"
    done = run(
        "eval.py", "--checkpoint", tmp_path / "w", "--split", "all", "--report-dir", tmp_path / "r", cwd=tmp_path
    )
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert metrics["split"] == "all" and set(metrics["methods"]) == {"bilinear", "bicubic", "mrunet"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train.py", "--preset", "nope"], "--preset nope: unknown"),
        (["train.py", "--granules", "nowhere"], "--granules nowhere: no such directory"),
        (["eval.py", "--checkpoint", "nowhere"], "nowhere: no such checkpoint"),
        (["eval.py", "--pairs", "nowhere"], "nowhere: no such directory"),
        (["eval.py", "--pairs", "nowhere", "--split", "all"], "leave --split"),
    ],
)
def test_bad_input_is_one_line(arguments, message, tmp_path):
    done = run(*arguments, cwd=tmp_path, ok=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
