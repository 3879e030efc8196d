"""The same global batch on 1, 2, 4 and 8 devices is the same training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "optimizer", "dtype"),
    [
        ("small", "sgd", "float32"),
        ("small", "adam", "float64"),
        ("mrunet", "adam", "float64"),
    ],
)
def test_twenty_steps_on_any_number_of_devices(model, optimizer, dtype):
    script = Path(__file__).with_name("eight_devices.py")
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "8"}
    environment["PYTHONPATH"] = str(script.parents[2])
    done = subprocess.run(
        [sys.executable, str(script), model, optimizer, dtype],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    apart = json.loads(done.stdout)
    assert len(apart) == 3 and max(apart) < 1e-5, apart
