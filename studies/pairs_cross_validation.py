"""What training on pairs with ASTER is worth on pairs of other overpasses and places: all folds of a recipe.

``python -m studies.pairs_cross_validation PAIRS_DIR --workdirs DIR [--folds 5] [train.py flags]`` trains the preset
``aster`` without each fold in turn (finished runs are kept, others gone on with) and prints RMSE-ub and SSIM under the
constant registration, per fold and as the mean over all pairs, each scored by the run that has not seen it. Choose a
recipe by this table, never by the folds' best epochs.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import numpy as np

from lstsr_jax.config import FOLDS
from lstsr_jax.evaluation.markdown import markdown_table

Scores = dict[str, dict[str, tuple[float, float]]]
"""RMSE-ub in K and SSIM by method and pair."""


def command(pairs: str, fold: str, workdir: Path, flags: list[str]) -> list[str]:
    """The command line of one run; flags given later win."""
    where = ["--pairs", pairs, "--pairs-fold", fold, "--workdir", str(workdir), "--resume=auto"]
    return ["train.py", "--preset", "aster", *flags, *where]


def scores(workdir: Path) -> Scores | None:
    """What a run scores on the pairs that it left out; None if it is not finished."""
    path = workdir / "report-pairs" / "per_image.csv"
    if not path.is_file():
        return None
    found: Scores = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["registration"] == "constant":
                for column in row:
                    if column.endswith("_rmse_ub"):
                        name = column.removesuffix("_rmse_ub")
                        found.setdefault(name, {})[row["pair"]] = (float(row[column]), float(row[f"{name}_ssim_ub"]))
    return found


def table(folds: dict[str, Scores]) -> str:
    """A row per fold, and one of the mean over all pairs, in Markdown; a column per method."""
    methods = list(next(iter(folds.values())))
    whole = {name: {pair: both for fold in folds.values() for pair, both in fold[name].items()} for name in methods}
    rows = []
    for name, fold in {**folds, "all pairs": whole}.items():
        means = [np.mean(list(fold[method].values()), axis=0) for method in methods]
        rows.append([name, str(len(fold[methods[0]])), *(f"{rmse:.4f}, {ssim:.4f}" for rmse, ssim in means)])
    return markdown_table(["fold", "pairs", *(f"{method}: RMSE-ub (K), SSIM" for method in methods)], rows)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", help="folder of the pairs")
    parser.add_argument("--workdirs", type=Path, required=True, help="receives a workdir per fold")
    parser.add_argument("--folds", type=int, default=FOLDS)
    arguments, flags = parser.parse_known_args()
    folds: dict[str, Scores] = {}
    for number in range(arguments.folds):
        fold = f"{number}/{arguments.folds}"
        workdir = arguments.workdirs / f"fold-{number}-of-{arguments.folds}"
        if scores(workdir) is None:
            line = command(arguments.pairs, fold, workdir, flags)
            subprocess.run([sys.executable, *line], check=True, stdout=subprocess.DEVNULL)
        found = scores(workdir)
        if found is None:
            raise SystemExit(f"{workdir}: stopped before its end; run this again")
        folds[fold] = found
    print(table(folds))


if __name__ == "__main__":
    main()
