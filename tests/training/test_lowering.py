"""What a GPU or TPU would be given to compile, seen without one: the steps as StableHLO (see lowering.py)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lstsr_jax.config import PRESETS

QUICK = ["preset=aster:float32:1", "mrunet:bfloat16:8"]
CASES = {
    **{
        f"network {name}": [f"{name}:{dtype}:{n}" for dtype in ("float32", "bfloat16") for n in (1, 8)]
        for name in ("edsr", "edsr-equivariant", "vdsr", "dmcn", "mrunet")
    },
    **{
        f"preset {name}": [f"preset={name}:{dtype}:{n}" for dtype, n in (("float32", 1), ("bfloat16", 8))]
        for name in PRESETS
    },
}


def lowered(cases):
    script = Path(__file__).with_name("lowering.py")
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(script.parents[2])}
    done = subprocess.run(
        [sys.executable, str(script), *cases], env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def require_fit_for_an_accelerator(case, facts):
    _, dtype, devices = case.split(":")
    several = devices != "1"
    assert len(facts["programs"]) == (4 if several else 6)  # train, evaluate; a predictor on one device
    for name, holds in facts["programs"].items():
        where = f"{case}, {name}"
        assert holds["devices"] == int(devices), where
        assert holds["custom_calls"] == [], where  # a callback to the host is one
        assert holds["float64"] == [] and holds["dynamic"] == [], where
        trained = name.startswith("train")
        norms = facts["norms"] if trained and several else 0
        # The batch statistics of each normalisation once forward and once backward; all else in one sum.
        counted = {kind: holds[kind] for kind in ("all_reduce", "all_gather", "reduce_scatter", "others")}
        expected = {"all_reduce": int(several), "all_gather": norms, "reduce_scatter": norms, "others": 0}
        assert counted == expected, where
        assert holds["convolutions"] > 0, where
        share = holds["bfloat16_convolutions"] / holds["convolutions"]
        assert share > 0.7 if trained and dtype == "bfloat16" else share == 0, where
    donated, kept = facts["donated"][: facts["leaves"]], facts["donated"][facts["leaves"] :]
    assert all(donated) and kept and not any(kept), case


def test_steps_lower_for_cuda_and_tpu_without_host_float64_or_dynamic_shapes():
    for case, facts in lowered(QUICK).items():
        require_fit_for_an_accelerator(case, facts)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_network_and_preset_lowers(name):
    found = lowered(CASES[name])
    assert list(found) == CASES[name]
    for case, facts in found.items():
        require_fit_for_an_accelerator(case, facts)
