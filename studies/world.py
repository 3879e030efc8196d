"""Networks on places and sensors of the whole world, beside bicubic.

``python -m studies.world DIR --checkpoint default --checkpoint mrunet``: each folder in DIR is a place and holds LST at
1 km of any product that ``train.py`` takes, which is pooled to 4 km and asked back; or ECOSTRESS LST at 70 m, which is
averaged to 231.66 m, pooled to 1 km and asked back. Printed is the mean RMSE over that of bicubic, over all windows
without gaps.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation import Row
from lstsr_jax.evaluation.markdown import markdown_table
from lstsr_jax.geo import GranuleError, describe_skipped, find_granules
from lstsr_jax.geo.finer import read_clear
from lstsr_jax.geo.grid import FINE_PIXEL_M
from lstsr_jax.predictor import load_predictor
from studies.ecostress import average, lst_files
from studies.windows import BASELINE, Field, cut_windows, ratios, score

SIDES = (64, 48, 32)
"""Sides of windows; a place is cut into the largest that its fields hold."""


def read_fields(folder: Path) -> Iterator[Field]:
    """The fields of a place; files that cannot be used are named on standard error."""
    for path in lst_files(folder):
        yield Field(f"{folder.name} (ECOSTRESS, 250 m)", path.stem, average(*read_clear(path)[:2], FINE_PIXEL_M))
    taken = set(lst_files(folder))
    listing = find_granules(folder)
    for line in describe_skipped(skipped for skipped in listing.skipped if skipped.path not in taken):
        print(line, file=sys.stderr)
    for layer in listing.layers:
        try:
            scene = layer.read()
        except GranuleError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        yield Field(f"{folder.name} ({scene.product})", scene.granule, scene.lst)


def windows_of(fields: list[Field], most: int) -> list[tuple[Field, np.ndarray]]:
    """Windows of the fields of one place and product, half overlapping."""
    for side in SIDES:
        cut = [(field, window) for field in fields for window in cut_windows(field.lst, side, side // 2, most=most)]
        if cut:
            return cut
    return []


def main() -> None:
    """Print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("directory", type=Path, help="holds a folder for each place")
    parser.add_argument("--checkpoint", action="append", required=True)
    parser.add_argument("--most", type=int, default=60, help="windows of a field at most, evenly chosen")
    parser.add_argument("--figure", type=Path, default=Path("world.png"))
    args = parser.parse_args()
    methods: dict[str, Row] = {
        "bicubic-conserved": "bicubic-conserved",
        **{path: load_predictor(path) for path in args.checkpoint},
    }
    folders = sorted(path for path in args.directory.iterdir() if path.is_dir())
    rows: list[tuple[str, int, float, dict[str, float]]] = []
    for folder in folders:
        fields: dict[str, list[Field]] = {}
        for field in read_fields(folder):
            fields.setdefault(field.place, []).append(field)
        for place, found in fields.items():
            windows = windows_of(found, args.most)
            if windows:
                scores = score(methods, windows)
                rows.append((place, len(windows), scores.means()[BASELINE]["rmse"], ratios(scores)))
    if not rows:
        raise InputError(f"{args.directory}: no folder of it holds LST with a window without gaps; see docs/world.md")
    columns = ["place", "windows", "bicubic, K", *methods]
    table = [
        [place, str(count), f"{rmse:.3f}", *(f"{found[name]:.3f}" for name in methods)]
        for place, count, rmse, found in rows
    ]
    mean = {name: float(np.mean([found[name] for *_, found in rows])) for name in methods}
    table.append(["mean over places", "", "", *(f"{mean[name]:.3f}" for name in methods)])
    print(markdown_table(columns, table))
    _draw(args.figure, rows, list(methods))


def _draw(path: Path, rows: list[tuple[str, int, float, dict[str, float]]], methods: list[str]) -> None:
    figure = Figure(figsize=(7, 1 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(1, color="0.6", linewidth=1)
    for name in methods:
        axes.plot([found[name] for *_, found in rows], range(len(rows)), "o", label=name)
    axes.set(xlabel="RMSE over that of bicubic", yticks=range(len(rows)), yticklabels=[place for place, *_ in rows])
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
