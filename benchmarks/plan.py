"""What a large run costs, from rates measured by ``benchmarks.season``: time, core hours and storage, by workers.

``python -m benchmarks.season --methods default --out rates.json`` and then ``python -m benchmarks.plan rates.json``:
290,000 layers are 40 tiles, 3650 days, day and night. A worker's layers are its shard's (``predict.py --shard``). The
work of a layer grows with the part of its tile that is land and clear; that part is simulated, and so is, with it, how
much later than the mean the last worker ends. Another rate may be given in place of the measured one.
"""

import argparse
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstsr_jax.product import Shard

LEAST_LAND, CLEAR = 0.1, (0.2, 1.0)


class Rates(NamedTuple):
    """Of one layer: processor seconds, MB written, and seconds that a worker takes before its first."""

    cpu_s: float
    mb: float
    start_s: float


def costs(tiles: int, days: int, rates: Rates, seed: int = 0) -> np.ndarray:
    """Processor seconds of every granule (day and night) in the order of names: dates, and tiles of each.

    A quarter of the measured seconds is spent on every layer, the rest on the part of its tile that is observed, here
    as much on average as in the measurement.

    Args:
        tiles: of the region.
        days: of the period.
        rates: measured.
        seed: of the simulation.

    Returns:
        ``(days * tiles,)``.
    """
    rng = np.random.default_rng(seed)
    land = rng.uniform(LEAST_LAND, 1, tiles)
    observed = land * rng.uniform(*CLEAR, (days, tiles))
    return (2 * rates.cpu_s * (0.25 + 0.75 * observed / observed.mean())).ravel()


def last_of(granules: np.ndarray, workers: int) -> tuple[float, float]:
    """Processor seconds of the mean worker and of the last one."""
    shards = [Shard(index, workers) for index in range(workers)]
    own = [granules[shard.index :: shard.count].sum() for shard in shards]
    return float(np.mean(own)), float(np.max(own))


def without_common_factor(workers: int, tiles: int) -> int:
    """The largest number of workers up to this one whose shards all see all tiles."""
    return next(count for count in range(workers, 0, -1) if math.gcd(count, tiles) == 1)


def main() -> None:
    """Print the plan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rates", type=Path, nargs="?", help="figures of benchmarks.season --out")
    parser.add_argument("--method", default="default", help="whose rates")
    parser.add_argument("--cpu-seconds", type=float, help="per layer, in place of measured ones")
    parser.add_argument("--mb", type=float, help="per layer, in place of measured ones")
    parser.add_argument("--start", type=float, default=60.0, help="seconds before a worker's first layer")
    parser.add_argument("--tiles", type=int, default=40)
    parser.add_argument("--days", type=int, default=3650)
    parser.add_argument("--cores", type=int, default=2, help="of each worker")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 10, 50, 200])
    args = parser.parse_args()
    measured = json.loads(args.rates.read_text())[args.method]["overlapped"] if args.rates else {}
    if not measured and (args.cpu_seconds is None or args.mb is None):
        parser.error("give the figures of benchmarks.season --out, or --cpu-seconds and --mb")
    cpu = measured["cpu_s_per_layer"] if args.cpu_seconds is None else args.cpu_seconds
    mb = measured["mb_per_layer"] if args.mb is None else args.mb
    rates = Rates(cpu, mb, args.start)
    layers = args.tiles * args.days * 2
    print(f"{args.tiles} tiles x {args.days} days x day and night: {layers:,} layers by {args.method}")
    print(f"{rates.cpu_s:.1f} processor seconds a layer: {3600 / rates.cpu_s:.0f} layers per core hour")
    print(f"{rates.mb:.1f} MB a layer (map, quality codes and picture): {layers * rates.mb / 1e6:.1f} TB in all")
    print(f"{layers * rates.cpu_s / 3600:,.0f} core hours; workers of {args.cores} cores:")
    granules = costs(args.tiles, args.days, rates)
    print(f"{'workers':>8} {'layers each':>12} {'mean h':>8} {'last h':>8} {'last/mean':>10}")
    counts = dict.fromkeys(count for n in args.workers for count in (n, without_common_factor(n, args.tiles)))
    for workers in counts:
        mean, last = (seconds / args.cores + rates.start_s for seconds in last_of(granules, workers))
        print(f"{workers:8d} {layers / workers:12,.0f} {mean / 3600:8.1f} {last / 3600:8.1f} {last / mean:10.2f}")


if __name__ == "__main__":
    main()
