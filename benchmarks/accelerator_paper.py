"""Train the preset `paper` on the patches of a file until the time is up: the last part of ``benchmarks.accelerator``.

``python -m benchmarks.accelerator_paper patches.npz --until $(($(date +%s) + 600))`` needs JAX, Flax, optax and this
tree: neither TFDS nor grain, so the order of the patches is not that of ``train.py``. One in eight patches, drawn, is
left out and scored.
"""

import argparse
import dataclasses
import itertools
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
from lstsr_jax.training.feed import on_devices

_HELD_OUT = 8


def read_patches(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Patches to train on and patches to score, ``(n, S, S, 1)`` K, of ``lst`` in an npz."""
    with np.load(path) as file:
        lst = np.asarray(file["lst"], np.float32)
    lst = lst if lst.ndim == 4 else lst[..., None]
    order = np.random.default_rng(0).permutation(len(lst))
    return lst[order[len(lst) // _HELD_OUT :]], lst[order[: len(lst) // _HELD_OUT]]


def batches(patches: np.ndarray, size: int, epoch: int) -> Iterator[dict[str, np.ndarray]]:
    """An epoch of full batches in an order of its own; the step mirrors each patch or not."""
    rng = np.random.default_rng(epoch)
    order = rng.permutation(len(patches))
    for first in range(0, len(order) - size + 1, size):
        yield {"lst": patches[order[first : first + size]], "turn": rng.integers(2, size=size, dtype=np.int32)}


def main() -> None:
    """Print a JSON line after every epoch: the curve so far, and an epoch against its steps alone."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("patches", type=Path)
    parser.add_argument("--until", type=float, required=True, help="when to end, in seconds since 1970")
    parser.add_argument("--model", default="mrunet")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--dtype", default="bfloat16")
    args = parser.parse_args()
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
    steps = len(training) // size
    program = build_program(config, normalization_for(config.model, float(np.nanmax(training))), steps)
    place = program.placement
    state: Any = program.initial_state(config)
    (in_memory,) = on_devices(itertools.islice(batches(training, size, 0), 1), place)
    filler = np.full((-len(held_out) % size, *held_out.shape[1:]), np.nan, np.float32)  # not counted
    padded = np.concatenate([held_out, filler])
    scored = list(on_devices(({"lst": part} for part in np.split(padded, len(padded) // size)), place))
    state, metrics = program.train_step(state, in_memory)  # compiles; a step more than the preset's
    jax.block_until_ready((metrics, program.eval_step(state.variables, scored[0])))
    result: dict[str, Any] = {
        "network": f"{args.model} of width {args.width}, {args.dtype}, batch {size}",
        "patches": len(training),
        "scored": len(held_out),
        "curve": [],
    }
    ratios, epoch, longest, start = [], 0, 0.0, time.monotonic()
    while epoch < config.train.epochs and time.time() + 1.5 * longest < args.until:
        since = time.monotonic()
        state = state.at_epoch_start()
        for batch in on_devices(batches(training, size, epoch), place):
            state, metrics = program.train_step(state, batch)
        train_rmse = state.rmse()  # waits
        spent = time.monotonic() - since
        if epoch % 10 == 0:  # the same steps on a batch that is there; their result is thrown away
            copy = jax.tree.map(lambda leaf: leaf.copy(), state)
            again = time.monotonic()
            for _ in range(steps):
                copy, metrics = program.train_step(copy, in_memory)
            jax.block_until_ready(metrics)
            ratios.append(spent / (time.monotonic() - again))
            del copy
        sums = jax.device_get([program.eval_step(state.variables, batch) for batch in scored])
        total = {name: float(np.sum([s[name] for s in sums])) for name in sums[0]}
        epoch += 1
        score, ilr = (total[name] / max(total["images"], 1) for name in ("rmse", "ilr_rmse"))
        if not np.isfinite([train_rmse, score]).all():
            raise SystemExit(f"epoch {epoch}: the loss is not finite; the curve ends before it")
        result["curve"].append((epoch, time.monotonic() - start, train_rmse, score, ilr))
        result |= {
            "epochs": epoch,
            "seconds": time.monotonic() - start,
            "epoch_s": spent,
            "epoch_over_steps": float(np.median(ratios)),
            "memory_bytes": (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use"),
        }
        print(json.dumps(result), flush=True)
        longest = max(longest, time.monotonic() - since)
    if not epoch:
        raise SystemExit("no time for an epoch")


if __name__ == "__main__":
    main()
