"""Time ATPRK per 64x64 patch (16x16 coarse pixels, x4), batched and compiled: ``python -m benchmarks.atprk``.

The authors' chain takes 3.9 s per patch and its successor 8.3 s (one core, block 5), nearly all of it in the
deconvolution of the variogram. To hold this process to one core, start it under ``taskset -c 0``.
"""

import argparse
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from lstsr_jax import sharpening
from lstsr_jax.ops.pooling import l4_pool
from lstsr_jax.ops.resize import upsample
from lstsr_jax.processors import available_processors


def scenes(count: int, size: int = 64, factor: int = 4) -> tuple[jax.Array, jax.Array]:
    """Coarse LST and fine NDVI with structure at several scales, in part shared."""
    rng = np.random.default_rng(0)

    def field() -> jax.Array:
        total = jnp.zeros((count, size, size, 1), jnp.float32)
        for scale in (2, 4, 8, 16):
            noise = rng.standard_normal((count, size // scale, size // scale, 1), np.float32)
            total += scale**0.5 * upsample(jnp.asarray(noise), scale)
        return total

    green, other = field(), field()
    ndvi = jnp.clip(0.5 + 0.05 * green, -0.2, 1.0)
    return l4_pool(300.0 - 0.6 * green + 0.3 * other, factor), ndvi


def best_of(call: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Seconds of the first call, compilation included, and of the fastest later one."""
    start = time.perf_counter()
    jax.block_until_ready(call())
    first, times = time.perf_counter() - start, []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - start)
    return first, min(times)


def main() -> None:
    """Print milliseconds per patch: all of it, the variogram fit, and what follows a given variogram."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--window", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--repeats", type=int, default=20)
    args = parser.parse_args()
    cores = available_processors()
    device = jax.devices()[0].device_kind
    print(f"{device}, {cores} cores usable, jax {jax.__version__}; ms per 64x64 patch, x4")
    titles = ("window", "batch", "atprk", "fit", "given fit", "tsharp", "first call, s")
    print("".join(f"{title:>14}" for title in titles))
    for window in args.window:
        for batch in args.batch:
            lst, ndvi = scenes(batch)
            residual = lst - lst.mean((1, 2, 3), keepdims=True)
            given = sharpening.fit_variogram(residual, window=window)
            calls = (
                lambda: sharpening.atprk(lst, ndvi, window=window),  # noqa: B023
                lambda: sharpening.fit_variogram(residual, window=window),  # noqa: B023
                lambda: sharpening.atprk(lst, ndvi, window=window, variogram=given),  # noqa: B023
                lambda: sharpening.tsharp(lst, ndvi),  # noqa: B023
            )
            times = [best_of(call, args.repeats) for call in calls]
            whole, fit, apply, simple = (1e3 * seconds / batch for _, seconds in times)
            row = (whole, fit, apply, simple, times[0][0])
            print(f"{window:14d}{batch:14d}" + "".join(f"{value:14.3f}" for value in row))


if __name__ == "__main__":
    main()
