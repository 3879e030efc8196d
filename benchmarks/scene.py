"""Time and peak memory of a whole 1200x1200 scene: ``python -m benchmarks.scene [--width 16 64]``.

Each row is a process of its own, so that its peak is its own: ``scene`` is ``super_resolve_scene``; ``naive`` is the
loop that the published scripts run, one 64x64 patch (16x16 coarse pixels) at a time, without overlap, blend or gaps.
Networks are untrained: time and memory do not depend on the weights.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

from lstsr_jax.processors import available_processors

SIDE, PATCH = 1200, 16


def measure(kind: str, width: int, share: float, model: str = "mrunet") -> dict[str, float]:
    """Seconds for the compilation and for a whole scene, and the peak memory of the accelerator or this process in GiB.

    Args:
        kind: ``"scene"`` or ``"naive"``.
        width: of the network.
        share: part of the scene's rows that is computed; the time is scaled up.
        model: name of the network.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    from lstsr_jax.config import ModelConfig
    from lstsr_jax.models import create_model
    from lstsr_jax.predictor import Predictor, normalization_for
    from lstsr_jax.scene import super_resolve_scene
    from lstsr_jax.scene.tiling import Tiling, layout

    config = ModelConfig(name=model, width=width)
    module = create_model(config)
    shapes = jax.eval_shape(module.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 64, 64, 1), jnp.float32))
    weights = np.random.default_rng(1)  # drawn without JAX, which would compile for a minute
    drawn = jax.tree.map(lambda leaf: weights.uniform(-0.01, 0.01, leaf.shape).astype(leaf.dtype), shapes["params"])
    ones = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), shapes.get("batch_stats", {}))
    variables = {"params": drawn, **({"batch_stats": ones} if ones else {})}
    predictor = Predictor(variables, module, config, normalization_for(config, 340.0))
    rng = np.random.default_rng(0)
    lst = (295 + 5 * rng.standard_normal((SIDE, SIDE))).astype(np.float32)
    lst[:20, 300:350] = np.nan
    rows = max(PATCH, round(SIDE * share) // PATCH * PATCH)
    fine = np.ones((4 * SIDE, 4 * SIDE), np.float32)  # touched, so that a partial run holds what a whole one does
    start = time.perf_counter()
    if kind == "scene":
        super_resolve_scene(predictor, lst[:64, :64])
        first, start = time.perf_counter() - start, time.perf_counter()
        tiles = [0]
        part = super_resolve_scene(predictor, lst[:rows], progress=lambda done, total: tiles.append(done))
        seconds = time.perf_counter() - start
        if share == 1:
            fine = part
        scale = len(layout(SIDE, Tiling(), 4)) ** 2 / tiles[-1]
    else:
        np.asarray(predictor(lst[None, :PATCH, :PATCH, None]))
        first, start = time.perf_counter() - start, time.perf_counter()
        for top in range(0, rows, PATCH):
            for left in range(0, SIDE, PATCH):
                tile = predictor(lst[None, top : top + PATCH, left : left + PATCH, None])
                fine[4 * top : 4 * (top + PATCH), 4 * left : 4 * (left + PATCH)] = np.asarray(tile)[0, ..., 0]
        seconds = time.perf_counter() - start
        scale = SIDE / rows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    peak = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", peak * 2**30) / 2**30  # of the accelerator
    return {"first_s": first, "scene_s": seconds * scale, "peak_gib": peak}


def main() -> None:
    """Print a line for each kind and width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--share", type=float, default=None, help="part of the scene; default 1, from width 64 on 0.05")
    parser.add_argument("--model", default="mrunet")
    parser.add_argument("--measure", nargs=3, metavar=("KIND", "WIDTH", "SHARE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        kind, width, share = args.measure
        print(json.dumps(measure(kind, int(width), float(share), args.model)))
        return
    cores = available_processors()
    print(f"{cores} cores; a {SIDE}x{SIDE} scene x4, float32")
    print(f"{'width':>6} {'kind':>6} {'share run':>9} {'first call s':>12} {'scene s':>9} {'peak GiB':>9}")
    for width in args.width:
        share = args.share or (1.0 if width < 64 else 0.05)
        for kind in ("scene", "naive"):
            command = [
                sys.executable,
                "-m",
                "benchmarks.scene",
                "--model",
                args.model,
                "--measure",
                kind,
                str(width),
                str(share),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            row = json.loads(done.stdout.splitlines()[-1])
            figures = f"{row['first_s']:12.1f} {row['scene_s']:9.1f} {row['peak_gib']:9.2f}"
            print(f"{width:6d} {kind:>6} {share:9.0%} {figures}", flush=True)


if __name__ == "__main__":
    main()
