"""Lower the steps of configurations for CUDA and TPU, in a process of its own that has 8 CPU devices to map over.

``python lowering.py CASE...`` with cases such as ``edsr:bfloat16:8`` or ``preset=aster:float32:1`` prints as JSON what
their programs hold. Nothing is compiled or run: arguments are shapes.
"""

import dataclasses
import json
import re
import sys

import jax
import jax.numpy as jnp
from jax import export

from lstsr_jax import Normalization, Predictor
from lstsr_jax import config as configs
from lstsr_jax.config import Config, ModelConfig
from lstsr_jax.predictor import input_channels
from lstsr_jax.training import build_program
from lstsr_jax.training.state import create_state

PLATFORMS = ("cuda", "tpu")
SIDE = 32
_SMALL = {"width": 8, "blocks": 1, "depth": 6}
_COLLECTIVES = {
    **{name: rf"stablehlo\.{name}\b" for name in ("all_reduce", "all_gather", "reduce_scatter")},
    "others": r"stablehlo\.(?:all_to_all|collective_permute|collective_broadcast)\b",
}


def contents(exported: export.Exported) -> dict:
    """What an exported program holds, by its StableHLO."""
    text = str(exported.mlir_module())
    types = re.findall(r"tensor<([^>]*)>", text)
    return {
        "devices": exported.nr_devices,
        "custom_calls": sorted(set(re.findall(r"custom_call @([\w.]+)", text))),
        "float64": sorted({t for t in types if "f64" in t}),
        "dynamic": sorted({t for t in types if "?" in t}),
        "bfloat16_convolutions": len(
            re.findall(r"stablehlo\.(?:convolution|dot_general).*-> tensor<[\dx]*bf16>", text)
        ),
        "convolutions": len(re.findall(r"stablehlo\.(?:convolution|dot_general)", text)),
        **{name: len(re.findall(pattern, text)) for name, pattern in _COLLECTIVES.items()},
    }


def batch_of(config: Config, devices: int) -> dict:
    """Shapes of what a training step of a configuration takes: a patch per device, or a pair."""

    def image(side: int, dtype: type = jnp.float32) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((devices, 1, side, side, 1), dtype)

    guides = {name: image(SIDE) for name in config.model.guides}
    if config.preset != "aster":
        return {"lst": image(SIDE), **guides, "turn": jax.ShapeDtypeStruct((devices, 1), jnp.int32)}
    places = jax.ShapeDtypeStruct((devices, 1, SIDE, SIDE), jnp.float32)
    scored = {"aster": image(SIDE), "mask": image(SIDE, jnp.bool_), "rows": places, "columns": places}
    return {"pairs": {"coarse": image(SIDE // 4), **guides, **scored}}


def facts(case: str) -> dict:
    """What the steps and the predictor of a case hold, and which arguments of the training step are donated."""
    name, dtype, count = case.split(":")
    devices = int(count)
    config = configs.preset(name.removeprefix("preset=")) if "=" in name else Config(model=ModelConfig(name=name))
    model = dataclasses.replace(config.model, **_SMALL)
    train = dataclasses.replace(config.train, dtype=dtype)
    config = dataclasses.replace(config, model=model, train=train)
    normalization = Normalization("anomaly", 3.0)
    program = build_program(config, normalization, 10, jax.devices()[:devices])

    def initial() -> object:
        shape = (SIDE, SIDE, input_channels(model))
        return create_state(program.module, program.optimizer, 0, shape, averaged=train.average_decay > 0)

    state, batch = jax.eval_shape(initial), batch_of(config, devices)
    lower = {
        "train": (program.train_step, (state, batch)),
        "evaluate": (program.eval_step, (state.variables, batch)),
    }
    if devices == 1:
        predictor = Predictor(state.variables, program.module, model, normalization)
        coarse = jax.ShapeDtypeStruct((2, SIDE // 4, SIDE // 4, 1), jnp.float32)
        lower["predict"] = (Predictor.__call__, (predictor, coarse))
    found = {}
    for what, (function, arguments) in lower.items():
        jitted = jax.jit(function)
        # Each platform alone: a program for both holds what differs between them twice.
        for platform in PLATFORMS:
            found[f"{what} {platform}"] = contents(export.export(jitted, platforms=[platform])(*arguments))
    (mapped,) = jax.make_jaxpr(program.train_step)(state, batch).jaxpr.eqns
    donated = mapped.params["donated_invars"]  # the leaves of the state first
    norms = sum(path[-1].key == "mean" for path, _ in jax.tree_util.tree_leaves_with_path(state.batch_stats))
    return {"programs": found, "donated": donated, "leaves": len(jax.tree.leaves(state)), "norms": norms}


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 8)
    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_traceback_in_locations_limit", 0)
    print(json.dumps({case: facts(case) for case in sys.argv[1:]}))
