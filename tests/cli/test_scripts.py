"""The installed commands, and python -m data_builders.build."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lstsr_jax.cli.flags import program

ROOT = Path(__file__).parents[2]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.mark.parametrize("target", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_the_installed_commands_exist(target):
    module, name = target.split(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_help_names_the_command_that_was_called(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/opt/bin/lstsr-eval", "--help"])
    assert program("eval.py") == "lstsr-eval"
    monkeypatch.setattr(sys, "argv", ["eval.py", "--help"])
    assert program("eval.py") == "eval.py"


def _build(*flags):
    return subprocess.run(
        [sys.executable, "-m", "data_builders.build", *flags], capture_output=True, text=True, cwd=ROOT, timeout=120
    )


def test_build_prints_the_directory_last(granules, small_config, dataset):
    data = small_config.data
    done = _build(
        *("--granules", str(granules), "--data-dir", str(data.data_dir)),
        *("--data.patch-size", str(data.patch_size), "--data.stride", str(data.stride)),
        *("--data.split-by", data.split_by),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(dataset.directory)
    assert "WARNING" not in done.stderr


def test_build_names_flags_and_leaves_nothing(tmp_path):
    done = _build("--granules", str(tmp_path), "--data.patch-size", "3", "--data-dir", str(tmp_path / "tfds"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "error: --data.patch-size 3: at least 15" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "tfds").exists()


def test_flags_of_predict_do_not_wait_for_networks():
    code = "import sys, lstsr_jax.cli.predict; print({'flax', 'orbax', 'matplotlib', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "set()\n"
