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

from benchmarks.child import figures_of
from benchmarks.step_memory import step_flops
from lstsr_jax.config import ModelConfig
from lstsr_jax.models import create_model
from lstsr_jax.predictor import Normalization, input_channels
from lstsr_jax.training.placement import Placement, share_out
from lstsr_jax.training.state import create_state
from lstsr_jax.training.step import AXIS, make_train_step, parallel_train_step
from lstsr_jax.training.task import Task

_SIDE = 64
_CHAIN = 10
"""Steps or products that an accelerator is given before they are waited for."""
_COUNTING_S = 600


def matmul_peak(dtype: Any, size: int | None = None, repeats: int = 5) -> float:
    """FLOP/s of the best of a few square matrix products, of 8192 rows on an accelerator and 2048 on a CPU.

    In float32 at JAX's default precision: TF32 on an H100, bfloat16 on a TPU.
    """
    size, chain = (size or 2048, 1) if jax.default_backend() == "cpu" else (size or 8192, _CHAIN)
    a = jax.random.normal(jax.random.key(0), (size, size), dtype)
    multiply = jax.jit(lambda x: x @ x)
    multiply(a).block_until_ready()
    best = np.inf
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready([multiply(a) for _ in range(chain)])
        best = min(best, (time.perf_counter() - begin) / chain)
    return 2 * size**3 / best


def setting(args: argparse.Namespace) -> tuple[ModelConfig, Any, Task, optax.GradientTransformation]:
    """The network as it is published, and as it is trained with its task and optimiser."""
    model = ModelConfig(name=args.model, width=args.width, guide=args.guide)
    module: Any = create_model(model, axis_name=AXIS)
    trained = module.clone(dtype=None if args.dtype == "float32" else jnp.dtype(args.dtype), remat=args.remat)
    return model, module, Task(trained, model, Normalization("anomaly", 3.0)), optax.adam(1e-4)


def count(args: argparse.Namespace) -> dict[str, Any]:
    """FLOP of a step, from shapes alone; needs JAX on a CPU."""
    model, module, task, optimizer = setting(args)
    shape = (_SIDE, _SIDE, input_channels(model))
    state = jax.eval_shape(lambda: create_state(module, optimizer, 0, shape))
    image = jax.ShapeDtypeStruct((args.batch, _SIDE, _SIDE, 1), jnp.float32)
    return {"flops": step_flops(task, optimizer, state, dict.fromkeys(("lst", *model.guides), image))}


def peak(args: argparse.Namespace) -> dict[str, Any]:
    """FLOP/s of a matrix product."""
    return {"peak": matmul_peak(jnp.dtype(args.dtype))}


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Time our step in this process, on one device.

    On an accelerator a time is the mean of a chain of steps that are waited for together, as an epoch runs them.
    """
    start = time.perf_counter()
    placement = Placement.of(jax.devices()[:1])
    model, module, task, optimizer = setting(args)
    state = placement.replicate(create_state(module, optimizer, 0, (_SIDE, _SIDE, input_channels(model))))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    body = make_train_step(task, optimizer, accumulate=args.accumulate)
    step: Any = parallel_train_step(body, devices=placement.devices)
    truth = 290 + 5 * np.random.default_rng(0).standard_normal((args.batch, _SIDE, _SIDE, 1), np.float32)
    images = {"lst": truth, **({"ndvi": 0.1 * (truth - 288)} if args.guide == "ndvi" else {})}
    batch = placement.shard(share_out(images, 1))
    state, metrics = step(state, batch)
    jax.block_until_ready((state, metrics))
    first, times, cpu = time.perf_counter() - start, [], []
    chain = 1 if jax.default_backend() == "cpu" else _CHAIN
    for _ in range(args.steps):
        begin, used = time.perf_counter(), time.process_time()
        for _ in range(chain):
            state, metrics = step(state, batch)
        jax.block_until_ready((state, metrics))
        times.append((time.perf_counter() - begin) / chain)
        cpu.append((time.process_time() - used) / chain)
    if not np.isfinite(float(metrics["loss"])):
        raise SystemExit(f"the loss is {float(metrics['loss'])}: a step that computes this is not timed")
    host = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if chain == 1 else None
    return {
        "name": f"lstsr_jax, jax {jax.__version__} {args.dtype}",
        "parameters": parameters,
        "times": times,
        "cpu": cpu,
        "first_step": first,
        "memory": (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", host),
        "device": jax.devices()[0].device_kind,
    }


def commands(args: argparse.Namespace) -> list[list[str]]:
    """What measures ours, and PyTorch's eager and compiled."""
    size = ["--width", str(args.width), "--batch", str(args.batch), "--steps", str(args.steps)]
    theirs = [args.torch_python, str(Path(__file__).with_name("torch_step.py")), *size]
    theirs += ["--device", args.torch_device] if args.torch_device else []
    several = [[*_ours(args, size), "--worker"]]
    several += [theirs] if args.torch != "none" else []
    return [*several, [*theirs, "--compile"]] if args.torch == "compile" else several


def counting(args: argparse.Namespace) -> list[str]:
    """What counts the FLOP of our step, in an environment with ``JAX_PLATFORMS=cpu``."""
    return [*_ours(args, ["--width", str(args.width), "--batch", str(args.batch)]), "--count"]


def _ours(args: argparse.Namespace, size: list[str]) -> list[str]:
    ours = [sys.executable, "-m", "benchmarks.train_step", "--dtype", args.dtype, *size]
    ours += ["--model", args.model, "--guide", args.guide]
    return [*ours, "--accumulate", str(args.accumulate), *(["--remat"] if args.remat else [])]


def in_turns(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure all in processes of their own, ``rounds`` times, and merge the times."""
    programs = commands(args)
    results: list[dict[str, Any]] = [{} for _ in programs]
    for _ in range(args.rounds):
        for i, command in enumerate(programs):
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ)
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
    parser.add_argument("--torch-device", choices=["cpu", "cuda"], help="CUDA where it has it, if left out")
    parser.add_argument("--count", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    return parser


def main() -> None:
    """Print a table: milliseconds per step, patches per second, FLOP/s, memory and time to the first step."""
    args = parser().parse_args()
    for asked, answer in ((args.worker, measure), (args.count, count), (args.peak, peak)):
        if asked:
            print(json.dumps(answer(args)))
            return
    if args.torch != "none" and (args.model != "mrunet" or args.guide != "none"):
        raise SystemExit("PyTorch is measured with the mrunet without a guide only: add --torch none")
    results = in_turns(args)
    ours = results[0]
    flops, _ = figures_of(counting(args), _COUNTING_S, environment={"JAX_PLATFORMS": "cpu"})
    product, _ = figures_of([*_ours(args, []), "--peak"], _COUNTING_S)
    if not flops or not product:
        raise SystemExit("neither the FLOP of the step nor the peak of the device could be found")
    ours |= flops | product
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
