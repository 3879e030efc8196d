"""What a training step takes, on paper: ``python -m benchmarks.step_memory [--width 16 64] [--dtype D] [--remat]``.

Per network and width: parameters, FLOP per patch (of the lowered program), what stays for each step (parameters, both
moments of Adam, the gradient) and what the forward pass keeps for the backward pass per patch. For a TPU v5e core, an
A100 and an H100 the largest batch by these, and the share of the peak that memory bandwidth leaves, if each kept value
is written once and read once. Nothing is compiled or run, so XLA's own choices are not in it: it can keep less, by
computing elementwise values anew, and more, as workspace of convolutions. Figures of a device:
``benchmarks.accelerator``.
"""

import argparse
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from benchmarks.devices import DEVICES, Device
from lstsr_jax.config import ModelConfig
from lstsr_jax.models import create_model
from lstsr_jax.predictor import Normalization, coarse_to_fine
from lstsr_jax.training.patches import degraded, patches_cost
from lstsr_jax.training.state import create_state
from lstsr_jax.training.step import make_train_step
from lstsr_jax.training.task import Task

_SIDE, _PATCHES = 64, 5  # no parameter has 5 along its first axis: what has is kept per patch


_USABLE = 0.9
"""Of the memory, beside workspace and what the runtime takes."""


class Work(NamedTuple):
    """Of a training step: parameters, FLOP per patch, bytes kept for each step and bytes kept per patch."""

    parameters: int
    flops: float
    fixed: float
    kept: float


def _bytes(tree: Any) -> float:
    return float(sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree)))


def work(name: Any, width: int, dtype: str, remat: bool) -> Work:
    """Count the work of a network's training step on 64x64 patches."""
    task, optimizer, state, batch = _step_of(name, width, dtype, remat)
    module: Any = task.module

    def residuals(params: Any, batch_stats: Any, batch: Any) -> Any:
        part = degraded(task, batch)

        def cost(params: Any) -> jax.Array:
            def network(x: jax.Array) -> jax.Array:
                variables = {"params": params, **({"batch_stats": batch_stats} if batch_stats else {})}
                y: jax.Array = module.apply(variables, x, mutable=["batch_stats"], train=True)[0]
                return y

            return patches_cost(
                task, coarse_to_fine(network, part["coarse"], task.model, task.normalization), part
            ).cost

        return jax.vjp(cost, params)[1]  # a pytree: its leaves are what is kept

    kept = jax.eval_shape(residuals, state.params, state.batch_stats, batch)
    images = [leaf for leaf in jax.tree.leaves(kept) if leaf.shape[:1] == (_PATCHES,)]
    flops = step_flops(task, optimizer, state, batch)
    fixed = _bytes((state.params, state.opt_state, state.batch_stats)) + _bytes(state.params)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    return Work(parameters, flops / _PATCHES, fixed, _bytes(images) / _PATCHES)


def step_flops(task: Task, optimizer: optax.GradientTransformation, state: Any, batch: Any) -> float:
    """FLOP of a training step on one device, by the lowered program of these shapes; on a CPU alone XLA counts them."""
    return float(_lowered(task, optimizer, state, batch).cost_analysis()["flops"])


def _lowered(task: Task, optimizer: optax.GradientTransformation, state: Any, batch: Any) -> Any:
    step = jax.vmap(make_train_step(task, optimizer, "batch"), (None, 0), axis_name="batch", axis_size=1)
    alone = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape), leaf.dtype), batch)
    return jax.jit(step).lower(state, alone)


def _step_of(name: Any, width: int, dtype: str, remat: bool) -> tuple[Task, optax.GradientTransformation, Any, Any]:
    """What a step is made of, the state and the batch as shapes."""
    model = ModelConfig(name=name, width=width)
    module: Any = create_model(model).clone(dtype=None if dtype == "float32" else jnp.dtype(dtype), remat=remat)
    optimizer = optax.adam(1e-4)
    state = jax.eval_shape(lambda: create_state(module, optimizer, 0, (_SIDE, _SIDE, 1)))
    batch = {"lst": jax.ShapeDtypeStruct((_PATCHES, _SIDE, _SIDE, 1), jnp.float32)}
    return Task(module, model, Normalization("anomaly", 3.0)), optimizer, state, batch


def compiled_work(name: Any, width: int, dtype: str, remat: bool) -> tuple[float, float]:
    """FLOP and bytes of temporaries per patch of the step as XLA compiles it here."""
    task, optimizer, state, batch = _step_of(name, width, dtype, remat)
    compiled = _lowered(task, optimizer, state, batch).compile()
    analysis, memory = compiled.cost_analysis(), compiled.memory_analysis()
    if analysis is None or memory is None:
        raise SystemExit(f"XLA counts nothing for {jax.default_backend()}: set JAX_PLATFORMS=cpu")
    return analysis["flops"] / _PATCHES, memory.temp_size_in_bytes / _PATCHES


def largest_batch(work: Work, device: Device) -> int:
    """The largest power of two of patches that fits the device's memory; 0 if none does."""
    room = (_USABLE * device.memory - work.fixed) / work.kept
    return 1 << int(room).bit_length() - 1 if room >= 1 else 0


def bound(work: Work, device: Device, batch: int) -> float:
    """Share of the peak that is left if memory is as fast as the data sheet says and nothing else costs time."""
    computing = batch * work.flops / device.flops
    moving = (2 * batch * work.kept + 2 * work.fixed) / device.bandwidth
    return min(1.0, computing / moving)


def print_compiled(args: argparse.Namespace) -> None:
    """Print the FLOP and memory of a patch on paper beside those of the compiled step."""
    print(f"{args.dtype}{', remat' if args.remat else ''}, compiled for {jax.default_backend()}, batch {_PATCHES}")
    print("| network, width | GFLOP/patch, lowered | compiled | difference | MB/patch, kept | temporaries, compiled |")
    print("| --- " * 6 + "|")
    for name in args.model:
        for width in args.width:
            paper, (flops, temporaries) = (f(name, width, args.dtype, args.remat) for f in (work, compiled_work))
            more = f"{flops / 1e9:.4f} | {flops / paper.flops - 1:+.2%}"
            memory = f"{paper.kept / 1e6:.2f} | {temporaries / 1e6:.2f}"
            print(f"| {name}, {width} | {paper.flops / 1e9:.4f} | {more} | {memory} |", flush=True)


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", nargs="+", default=["mrunet", "edsr", "vdsr", "dmcn"])
    parser.add_argument("--width", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--remat", action="store_true")
    parser.add_argument("--compiled", action="store_true", help="beside what XLA makes of it here; minutes each")
    args = parser.parse_args()
    if args.compiled:
        print_compiled(args)
        return
    print(f"{args.dtype}{', remat' if args.remat else ''}: largest batch, share of the bf16 peak that bandwidth leaves")
    print(f"| network, width | parameters | GFLOP/patch | fixed MB | MB/patch | {' | '.join(DEVICES)} |")
    print("| --- " * (5 + len(DEVICES)) + "|")
    for name in args.model:
        for width in args.width:
            one = work(name, width, args.dtype, args.remat)
            cells = []
            for device in DEVICES.values():
                batch = largest_batch(one, device)
                cells.append(f"{batch}, {bound(one, device, batch):.0%}" if batch else "none")
            figures = f"{one.parameters:,} | {one.flops / 1e9:.2f} | {one.fixed / 1e6:.0f} | {one.kept / 1e6:.2f}"
            print(f"| {name}, {width} | {figures} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
