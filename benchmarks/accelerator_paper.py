"""Train the preset `paper` on the patches of a file until the time is up: the last part of ``benchmarks.accelerator``.

``python -m benchmarks.accelerator_paper patches.npz --seconds 600`` needs JAX, Flax, optax and this tree: neither TFDS
nor grain, so the order of the patches is not that of ``train.py``. One in eight patches, drawn, is left out and scored.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lstsr_jax import config as configs
from lstsr_jax.predictor import normalization_for
from lstsr_jax.training import build_program
from lstsr_jax.training.placement import share_out

_HELD_OUT = 8


def read_patches(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Patches to train on and patches to score, ``(n, S, S, 1)`` K, of ``lst`` in an npz."""
    with np.load(path) as file:
        lst = np.asarray(file["lst"], np.float32)
    lst = lst if lst.ndim == 4 else lst[..., None]
    order = np.random.default_rng(0).permutation(len(lst))
    return lst[order[len(lst) // _HELD_OUT :]], lst[order[: len(lst) // _HELD_OUT]]


def batches(patches: np.ndarray, size: int, epoch: int) -> Iterator[np.ndarray]:
    """An epoch of full batches in an order of its own, each patch flipped or not."""
    rng = np.random.default_rng(epoch)
    order = rng.permutation(len(patches))
    for first in range(0, len(order) - size + 1, size):
        chosen = patches[order[first : first + size]]
        mirrored = rng.integers(2, size=size)[:, None, None, None] == 1
        yield np.where(mirrored, chosen[:, :, ::-1], chosen)


def main() -> None:
    """Print one JSON line: the curve, and an epoch against its steps alone."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("patches", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--model", default="mrunet")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--dtype", default="bfloat16")
    args = parser.parse_args()
    begin = time.monotonic()
    training, held_out = read_patches(args.patches)
    config = configs.preset("paper")
    size = min(config.train.batch_size, len(training), len(held_out))
    size -= size % jax.device_count()
    if not size:
        raise SystemExit(f"{args.patches}: fewer patches to score, {len(held_out)}, than devices")
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, patch_size=training.shape[1]),
        model=dataclasses.replace(config.model, name=args.model, width=args.width),
        train=dataclasses.replace(config.train, dtype=args.dtype, batch_size=size),
    )
    steps, devices = len(training) // size, jax.local_device_count()
    program = build_program(config, normalization_for(config.model, float(np.nanmax(training))), steps)
    state: Any = program.initial_state(config)
    scored = [share_out({"lst": held_out[i : i + size]}, devices) for i in range(0, len(held_out) - size + 1, size)]
    in_memory = jax.device_put(share_out({"lst": training[:size]}, devices))
    state, metrics = program.train_step(state, in_memory)  # compiles; a step more than the preset's
    jax.block_until_ready((metrics, program.eval_step(state.variables, scored[0])))
    curve: list[tuple[int, float, float, float, float]] = []
    ratios, epoch, longest, start = [], 0, 0.0, time.monotonic()
    while epoch < config.train.epochs and time.monotonic() - begin + 2 * longest < args.seconds:
        since = time.monotonic()
        state = state.at_epoch_start()
        for batch in batches(training, size, epoch):
            state, metrics = program.train_step(state, share_out({"lst": batch}, devices))
        train_rmse = state.rmse()  # waits
        spent = time.monotonic() - since
        if epoch % 10 == 0:  # the same steps on a batch that is there; their result is thrown away
            copy = jax.tree.map(lambda leaf: leaf.copy(), state)
            again = time.monotonic()
            for _ in range(steps):
                copy, metrics = program.train_step(copy, in_memory)
            jax.block_until_ready(metrics)
            ratios.append(spent / (time.monotonic() - again))
        sums = jax.device_get([program.eval_step(state.variables, batch) for batch in scored])
        total = {name: float(np.sum([s[name] for s in sums])) for name in sums[0]}
        epoch += 1
        score, ilr = (total[name] / max(total["images"], 1) for name in ("rmse", "ilr_rmse"))
        curve.append((epoch, time.monotonic() - start, train_rmse, score, ilr))
        longest = max(longest, time.monotonic() - since)
    if not ratios:
        raise SystemExit(f"no time for an epoch within {args.seconds:.0f} s")
    result = {
        "network": f"{args.model} of width {args.width}, {args.dtype}, batch {size}",
        "patches": len(training),
        "scored": len(scored) * size,
        "epochs": epoch,
        "seconds": time.monotonic() - start,
        "epoch_over_steps": float(np.median(ratios)),
        "memory_bytes": (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use"),
        "curve": curve,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
