"""Twenty steps on 1, 2, 4 and 8 devices, in a process of its own: ``python eight_devices.py MODEL OPTIMIZER DTYPE``.

Prints the largest difference of any parameter and batch statistic from those of one device, for each number. Adam
divides a gradient by its own size: where that is nearly zero, float32's rounding decides the step. In float64 not.
"""

import functools
import json
import sys

import jax
import numpy as np
import optax
from flax import linen as nn

from lstsr_jax.config import ModelConfig
from lstsr_jax.models.layers import BatchNorm, DoubleConv
from lstsr_jax.models.mrunet import MRUNet
from lstsr_jax.predictor import Normalization
from lstsr_jax.training.placement import share_out
from lstsr_jax.training.state import create_state
from lstsr_jax.training.step import AXIS, make_train_step, parallel_train_step
from lstsr_jax.training.task import Task


class Small(nn.Module):
    """Convolutions, batch normalisation and a sum: all that could depend on the number of devices."""

    @nn.compact
    def __call__(self, x, train=False):
        norm = functools.partial(BatchNorm, use_running_average=not train, axis_name=AXIS)
        level = DoubleConv(6, norm, name="second")(DoubleConv(6, norm, name="first")(x))
        return x + nn.Conv(1, (1, 1), kernel_init=nn.initializers.zeros, name="output")(level)


def batches(count, size=8, side=32):
    """Smooth fields with noise and gaps that are not shared evenly between devices."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        rows, columns = np.mgrid[:side, :side] / side
        slope = rng.normal(0, 4, (size, 2, 1, 1))
        lst = 290 + slope[:, 0] * rows + slope[:, 1] * columns + rng.normal(0, 1, (size, side, side))
        lst[1, 4:20, 3:9] = np.nan
        lst[6, :, : rng.integers(4, 30)] = np.nan
        yield lst[..., None]


def run(module, optimizer, dtype, devices, steps=20):
    task = Task(module, ModelConfig(width=4), Normalization("anomaly", 3.0))
    state = create_state(module, optimizer, seed=1, shape=(32, 32, 1))
    state = jax.tree.map(lambda leaf: leaf.astype(dtype) if leaf.dtype.kind == "f" else leaf, state)
    step = parallel_train_step(make_train_step(task, optimizer), devices=devices)
    for lst in batches(steps):
        batch = {"lst": lst.astype(dtype)}
        state, metrics = step(state, share_out(batch, len(devices)))
    return jax.device_get((state.params, state.batch_stats, metrics["loss"]))


def main():
    model, optimizer, dtype = sys.argv[1:]
    jax.config.update("jax_enable_x64", dtype == "float64")
    assert jax.device_count() == 8
    module = Small() if model == "small" else MRUNet(4, axis_name=AXIS)
    optimizer = {"sgd": optax.sgd(1e-2), "adam": optax.adam(1e-3)}[optimizer]
    one, *others = [run(module, optimizer, dtype, jax.devices()[:count]) for count in (1, 2, 4, 8)]
    assert {leaf.dtype for leaf in jax.tree.leaves(one[:2])} == {np.dtype(dtype)}
    apart = [jax.tree.leaves(jax.tree.map(lambda a, b: float(np.abs(a - b).max()), one, other)) for other in others]
    print(json.dumps([max(differences) for differences in apart]))


if __name__ == "__main__":
    main()
