"""Calibrate a spread from 1 km to 250 m on pairs with ASTER, and check it on pairs that it was not fitted on.

``python -m studies.pair_spread PAIRS_DIR C`` for a network trained on no pair, or ``PAIRS_DIR C0 C1 C2`` for the
networks of a cross-validation: Ck left fold k of three out (``train.py --pairs PAIRS_DIR --pairs-fold k/3``) and is
run on that fold only. For each fold, floor and scale are fitted on the other two. Printed is the share of errors inside
the intervals, and the calibration of all folds together, for ``studies.ship_weights``.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation.markdown import markdown_table
from lstsr_jax.evaluation.pairs.registration import pair_shifts
from lstsr_jax.evaluation.pairs.spread import LEVELS, PairSpread, pair_spread
from lstsr_jax.evaluation.reliability import coverage, fit
from lstsr_jax.geo import Shift, read_pairs
from lstsr_jax.geo.aster.folds import held_out
from lstsr_jax.geo.aster.pair_index import overpass_groups
from lstsr_jax.predictor import load_predictor

FOLDS = 3
_DRAWN = np.linspace(0.02, 0.99, 50)


def spreads_by_fold(directory: str, checkpoints: list[str], shift: Shift | None) -> list[list[PairSpread]]:
    """What each pair of each fold says of the network that was not trained on it.

    Raises:
        InputError: if there are neither one nor as many networks as folds, or one was trained on pairs it is run on.
    """
    if len(checkpoints) not in (1, FOLDS):
        raise InputError(
            f"{len(checkpoints)} checkpoints: give one trained on no pair, or one for each of {FOLDS} folds"
        )
    pairs = read_pairs(directory)[0]
    shifts, _ = pair_shifts(pairs, "constant", directory, shift)
    overpasses = overpass_groups(directory, [pair.name for pair in pairs])
    found = []
    for fold in range(FOLDS):
        path = checkpoints[fold % len(checkpoints)]
        predictor = load_predictor(path)
        seen = set(predictor.provenance.pairs if predictor.provenance else ())
        names = held_out(pairs, overpasses, fold, FOLDS)
        chosen = [(pair, at) for pair, at in zip(pairs, shifts, strict=True) if pair.name in names]
        if any(pair.fingerprint in seen for pair, _ in chosen):
            raise InputError(f"{path}: was trained on pairs of fold {fold}/{FOLDS}; give networks that were not")
        found.append([pair_spread(predictor, pair, at) for pair, at in chosen])
    return found


def gather(folds: list[list[PairSpread]]) -> tuple[np.ndarray, np.ndarray]:
    """Errors and spreads of every pair of some folds."""
    every = [pair for fold in folds for pair in fold]
    return np.concatenate([pair.errors for pair in every]), np.concatenate([pair.spreads for pair in every])


def main() -> None:
    """Print the table and the calibration, and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pairs")
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--registration-shift", nargs=2, type=float, help="default: the mean of index.csv in PAIRS_DIR")
    parser.add_argument("--figure", type=Path, default=Path("pair_spread.png"))
    args = parser.parse_args()
    shift = None if args.registration_shift is None else Shift(*args.registration_shift)
    folds = spreads_by_fold(args.pairs, args.checkpoints, shift)
    rows, ratios = [], []
    for fold, held in enumerate(folds):
        calibration = fit(*gather(folds[:fold] + folds[fold + 1 :]), LEVELS)
        errors, spreads = gather([held])
        ratios.append(errors / calibration.sigma(spreads))
        rows.append([f"fold {fold}, not fitted on", *_shares(errors, calibration.sigma(spreads))])
    every = np.concatenate(ratios)
    rows.append(["all folds, not fitted on", *_shares(every, np.ones_like(every))])
    errors, spreads = gather(folds)
    rows.append(["the spread as it is", *_shares(errors, spreads)])
    print(markdown_table(["share of errors inside the interval of", *(f"{level:.0%}" for level in LEVELS)], rows))
    calibration = fit(errors, spreads, LEVELS)
    offsets = [pair.offset_k for fold in folds for pair in fold]
    print(f"\nfloor {calibration.floor_k:.4f} K, scale {calibration.scale:.4f}")
    print(
        f"mean difference of a pair, not part of it: {np.mean(offsets):+.2f} K, from pair to pair {np.std(offsets):.2f}"
    )
    _draw(args.figure, every, errors / spreads)


def _shares(errors: np.ndarray, sigma: np.ndarray) -> list[str]:
    return [f"{share:.1%}" for share in coverage(errors, sigma, LEVELS)]


def _draw(path: Path, calibrated: np.ndarray, plain: np.ndarray) -> None:
    figure = Figure(figsize=(4.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for name, ratio in (("calibrated on the other folds", calibrated), ("as it is", plain)):
        axes.plot(_DRAWN, coverage(ratio, np.ones_like(ratio), _DRAWN.tolist()), label=name)
    axes.set(xlabel="stated share of errors", ylabel="share found against ASTER", aspect="equal")
    axes.legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
