"""How much better than bicubic LST alone can be on the pairs of Table II: filters fitted to ASTER itself.

``python -m studies.lst_alone PAIRS_DIR [--registration-shift ROWS COLUMNS]`` fits by least squares, on every second
pair, the weights with which Gaussian residuals of the coarse field and of its bicubic interpolation are added to
bicubic, and scores them on both halves. What was fitted to the truth itself says what a network that never sees it may
hope for.
"""

import argparse

import jax.numpy as jnp
import numpy as np
import scipy.ndimage

from lstsr_jax.evaluation.markdown import markdown_table
from lstsr_jax.evaluation.pairs.registration import pair_shifts
from lstsr_jax.evaluation.pairs.score import scored_mask
from lstsr_jax.geo.aster.pair import FACTOR, Pair, read_pairs
from lstsr_jax.geo.warp import Shift, warp_field
from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.resize import upsample

COARSE_PX, FINE_PX = (0.5, 1.0, 2.0, 4.0, 8.0), (1.0, 2.0)
FILTERS = {
    "bicubic, scaled": [0],
    "coarse filter": [*range(6)],
    "fine filter": [0, *range(6, 8)],
    "both": [*range(8)],
    "both, and local medians, openings, closings": [*range(11)],
}


def _up(coarse: np.ndarray) -> np.ndarray:
    return np.asarray(upsample(jnp.asarray(coarse, jnp.float32)[None, ..., None], FACTOR))[0, ..., 0]


def features(pair: Pair, shift: Shift) -> tuple[np.ndarray, np.ndarray]:
    """``(pixels, 11)`` and ASTER ``(pixels,)``, each less its mean over the pair: bicubic, then what may be added."""
    coarse = np.asarray(fill_gaps(jnp.asarray(pair.lst)[None, ..., None]))[0, ..., 0]
    coarse = coarse - coarse.mean()
    ranked = [scipy.ndimage.median_filter, scipy.ndimage.grey_opening, scipy.ndimage.grey_closing]
    residuals = [coarse - scipy.ndimage.gaussian_filter(coarse, sigma, mode="nearest") for sigma in COARSE_PX]
    bicubic = _up(coarse)
    fields = [bicubic, *map(_up, residuals)]
    fields += [bicubic - scipy.ndimage.gaussian_filter(bicubic, sigma, mode="nearest") for sigma in FINE_PX]
    fields += [_up(coarse - ranking(coarse, 3)) for ranking in ranked]
    mask = scored_mask(pair, shift)
    warped = [warp_field(field, pair.fine_grid, pair.aster_grid, shift=shift)[mask] for field in fields]
    columns, truth = np.stack(warped, 1).astype(np.float64), pair.aster[mask].astype(np.float64)
    return columns - columns.mean(0), truth - truth.mean()


def fit(pairs: list[tuple[np.ndarray, np.ndarray]], chosen: list[int]) -> np.ndarray:
    """Weights of the chosen columns; pairs weigh by one over bicubic's error, as in the mean of RMSEs."""
    gram, right = np.zeros((len(chosen), len(chosen))), np.zeros(len(chosen))
    for columns, truth in pairs:
        weight = 1 / (truth.size * np.sqrt(np.mean((truth - columns[:, 0]) ** 2)))
        gram += weight * columns[:, chosen].T @ columns[:, chosen]
        right += weight * columns[:, chosen].T @ truth
    return np.linalg.solve(gram + 1e-6 * np.diag(np.diag(gram)), right)


def rmse_ub(pairs: list[tuple[np.ndarray, np.ndarray]], chosen: list[int], weights: np.ndarray) -> float:
    """Mean over pairs of the RMSE less the pair's mean difference, K."""
    return float(np.mean([np.sqrt(np.mean((y - x[:, chosen] @ weights) ** 2)) for x, y in pairs]))


def main() -> None:
    """Print RMSE-ub of bicubic and of every filter, fitted on one half and scored on both."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("pairs")
    parser.add_argument("--registration-shift", nargs=2, type=float, help="default: the mean of index.csv in PAIRS_DIR")
    arguments = parser.parse_args()
    found = read_pairs(arguments.pairs)[0]
    constant = None if arguments.registration_shift is None else Shift(*arguments.registration_shift)
    shifts, _ = pair_shifts(found, "constant", arguments.pairs, constant)
    pairs = [features(pair, shift) for pair, shift in zip(found, shifts, strict=True)]
    halves = {"A": pairs[0::2], "B": pairs[1::2]}
    one = np.ones(1)
    a, b = (f"{rmse_ub(half, [0], one):.3f}" for half in halves.values())
    rows = [["nothing", a, b, b, a]]
    for name, chosen in FILTERS.items():
        weights = {half: fit(halves[half], chosen) for half in "AB"}
        cells = [f"{rmse_ub(halves[scored], chosen, weights[on]):.3f}" for scored, on in ("AA", "BA", "BB", "AB")]
        rows.append([name, *cells])
    columns = ["added to bicubic", "A, fitted on A", "B, fitted on A", "B, fitted on B", "A, fitted on B"]
    print(markdown_table(columns, rows))


if __name__ == "__main__":
    main()
