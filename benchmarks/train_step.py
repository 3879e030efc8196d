"""Time a training step, that of the Multi-residual U-Net beside PyTorch's: ``python -m benchmarks.train_step``.

Each is measured in a process of its own, in turns, so that both meet the same machine. ``--torch-python`` names a
Python that has PyTorch, if this one has not (extra ``bench``); ``--torch none`` leaves it out.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lstsr_jax.config import ModelConfig
from lstsr_jax.models import create_model
from lstsr_jax.predictor import Normalization, input_channels
from lstsr_jax.training.placement import Placement, share_out
from lstsr_jax.training.state import create_state
from lstsr_jax.training.step import AXIS, make_train_step, parallel_train_step
from lstsr_jax.training.task import Task

_SIDE = 64


def matmul_peak(dtype: Any, size: int | None = None, repeats: int = 5) -> float:
    """FLOP/s of the best of a few square matrix products, of 8192 rows on an accelerator and 2048 on a CPU."""
    size = size or (2048 if jax.default_backend() == "cpu" else 8192)
    a = jax.random.normal(jax.random.key(0), (size, size), dtype)
    multiply = jax.jit(lambda x: x @ x)
    multiply(a).block_until_ready()
    best = np.inf
    for _ in range(repeats):
        begin = time.perf_counter()
        multiply(a).block_until_ready()
        best = min(best, time.perf_counter() - begin)
    return 2 * size**3 / best


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Time our step in this process."""
    start = time.perf_counter()
    placement = Placement.of()
    model = ModelConfig(name=args.model, width=args.width, guide=args.guide)
    module: Any = create_model(model, axis_name=AXIS)
    dtype = jnp.dtype(args.dtype)
    trained = module.clone(dtype=None if args.dtype == "float32" else dtype, remat=args.remat)
    task = Task(trained, model, Normalization("anomaly", 3.0))
    optimizer = optax.adam(1e-4)
    state = placement.replicate(create_state(module, optimizer, 0, (_SIDE, _SIDE, input_channels(model))))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    body = make_train_step(task, optimizer, accumulate=args.accumulate)
    step: Any = parallel_train_step(body, devices=placement.devices)
    truth = 290 + 5 * np.random.default_rng(0).standard_normal((args.batch, _SIDE, _SIDE, 1), np.float32)
    images = {"lst": truth, **({"ndvi": 0.1 * (truth - 288)} if args.guide == "ndvi" else {})}
    batch = share_out(images, len(placement.local))
    state, metrics = step(state, batch)
    float(metrics["loss"])
    first, times, cpu = time.perf_counter() - start, [], []
    for _ in range(args.steps):
        begin, used = time.perf_counter(), time.process_time()
        state, metrics = step(state, batch)
        float(metrics["loss"])
        times.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - used)
    statistics = jax.devices()[0].memory_stats() or {}
    memory = statistics.get("peak_bytes_in_use", 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    flops = (step.lower(state, batch).cost_analysis() or {}).get("flops") if args.flops else None
    return {
        "name": f"lstsr_jax, jax {jax.__version__} {args.dtype}",
        "parameters": parameters,
        "times": times,
        "cpu": cpu,
        "first_step": first,
        "memory": memory,
        "flops": flops,
        "peak": matmul_peak(dtype) if args.flops else None,
        "device": jax.devices()[0].device_kind,
    }


def in_turns(args: argparse.Namespace, deadline: float | None = None) -> list[dict[str, Any]]:
    """Measure all in processes of their own, ``rounds`` times, and merge the times.

    Args:
        args: the flags of this command.
        deadline: by ``time.monotonic``; what is not done by then is stopped and left out.
    """
    size = ["--width", str(args.width), "--batch", str(args.batch), "--steps", str(args.steps)]
    ours = [sys.executable, "-m", "benchmarks.train_step", "--worker", "--dtype", args.dtype, *size]
    ours += ["--model", args.model, "--guide", args.guide]
    ours += ["--accumulate", str(args.accumulate), *(["--remat"] if args.remat else [])]
    theirs = [args.torch_python, str(Path(__file__).with_name("torch_step.py")), *size]
    commands = [ours]
    commands += [theirs] if args.torch != "none" else []
    commands += [[*theirs, "--compile"]] if args.torch == "compile" else []
    results: list[dict[str, Any]] = [{} for _ in commands]
    for turn in range(args.rounds):
        for i, command in enumerate(commands):
            extra = ["--flops"] if command is ours and turn == 0 else []
            left = None if deadline is None else max(deadline - time.monotonic(), 1)
            try:
                done = subprocess.run(
                    [*command, *extra], stdout=subprocess.PIPE, text=True, env=os.environ, timeout=left
                )
            except subprocess.TimeoutExpired:
                print(f"stopped, the time is up: {' '.join(command)}", file=sys.stderr)
                continue
            if done.returncode:
                print(f"failed with exit status {done.returncode}: {' '.join(command)}", file=sys.stderr)
                continue
            result = json.loads(done.stdout.splitlines()[-1])
            before = results[i]
            results[i] = {**result, **before, **{k: before.get(k, []) + result[k] for k in ("times", "cpu")}}
    return [result for result in results if result]


def parser() -> argparse.ArgumentParser:
    """The flags of this command."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", choices=["mrunet", "edsr", "vdsr", "dmcn"], default="mrunet")
    parser.add_argument("--guide", choices=["none", "ndvi"], default="none")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=5, help="timed steps per turn")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--accumulate", type=int, default=1)
    parser.add_argument("--remat", action="store_true")
    parser.add_argument("--torch", choices=["eager", "compile", "none"], default="eager")
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--flops", action="store_true", help=argparse.SUPPRESS)
    return parser


def main() -> None:
    """Print a table: milliseconds per step, patches per second, FLOP/s, memory and time to the first step."""
    args = parser().parse_args()
    if args.worker:
        print(json.dumps(measure(args)))
        return
    if args.torch != "none" and (args.model != "mrunet" or args.guide != "none"):
        raise SystemExit("PyTorch is measured with the mrunet without a guide only: add --torch none")
    results = in_turns(args)
    ours = results[0]
    print(
        f"width {args.width}, batch {args.batch}, {_SIDE}x{_SIDE}, {ours['parameters']:,} parameters, {ours['device']}"
    )
    print(f"{'':38}{'best ms':>9}{'median':>9}{'CPU ms':>9}{'patches/s':>11}{'GFLOP/s':>9}{'peak MB':>9}{'first s':>9}")
    for result in results:
        best, median = min(result["times"]), float(np.median(result["times"]))
        assert result["parameters"] == ours["parameters"]
        print(
            f"{result['name']:38}{1e3 * best:9.0f}{1e3 * median:9.0f}{1e3 * min(result['cpu']):9.0f}"
            f"{args.batch / best:11.1f}{ours['flops'] / best / 1e9:9.0f}"
            f"{result['memory'] / 1e6:9.0f}{result['first_step']:9.1f}"
        )
    share = ours["flops"] / min(ours["times"]) / ours["peak"]
    print(
        f"a step is {ours['flops'] / 1e9:.0f} GFLOP; ours reaches {share:.0%} of the matrix product's "
        f"{ours['peak'] / 1e9:.0f} GFLOP/s"
    )
    for result in results[1:]:
        ratios = [of(ours["times"]) / of(result["times"]) for of in (min, np.median)]
        ratios.append(min(ours["cpu"]) / min(result["cpu"]))
        print(f"ours / {result['name']}: {ratios[0]:.2f} (best), {ratios[1]:.2f} (median), {ratios[2]:.2f} (CPU time)")


if __name__ == "__main__":
    main()
