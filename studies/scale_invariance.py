"""The same weights at 8 to 2 km, 4 to 1 km and 1 km to 250 m, on ECOSTRESS LST, with and without noise of the input.

``python -m studies.scale_invariance DIR --checkpoint default --checkpoint mrunet``: the ECOSTRESS LST at 70 m in DIR is
averaged to the fine pixel of each scale, pooled to four times as much and asked back. Printed is the mean RMSE over
that of bicubic of the same input.
"""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

from lstsr_jax.errors import InputError
from lstsr_jax.evaluation import Row
from lstsr_jax.evaluation.markdown import markdown_table
from lstsr_jax.geo.finer import read_clear
from lstsr_jax.geo.grid import FINE_PIXEL_M
from lstsr_jax.predictor import load_predictor
from studies.ecostress import average, lst_files
from studies.windows import BASELINE, Field, cut_windows, ratios, score

SCALES = {"8 to 2 km": 8, "4 to 1 km": 4, "2 km to 500 m": 2, "1 km to 250 m": 1}
"""Fine pixels in those of the product at 250 m."""
SIDE, STRIDE, VALID_FRACTION = 32, 16, 0.8
"""Windows in fine pixels; at 2 km a scene is two windows wide, and hardly one is free of clouds."""
NOISE_K = 1.1
"""What LST at 1 km has over the mean of ECOSTRESS or ASTER within the pixel."""


def main() -> None:
    """Print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("directory", type=Path, help="ECOSTRESS LST at 70 m: L2T tiles or subsets of AppEEARS")
    parser.add_argument("--checkpoint", action="append", required=True)
    parser.add_argument("--noise-k", type=float, default=NOISE_K, help="standard deviation of the input's noise")
    parser.add_argument("--most", type=int, default=60, help="windows of a scene at most, evenly chosen")
    parser.add_argument("--figure", type=Path, default=Path("scale_invariance.png"))
    args = parser.parse_args()
    methods: dict[str, Row] = {
        "bicubic-conserved": "bicubic-conserved",
        **{path: load_predictor(path) for path in args.checkpoint},
    }
    files = lst_files(args.directory)
    if not files:
        raise InputError(f"{args.directory}: holds no ECOSTRESS LST (ECO*_LST.tif, ECO*_LST_doy*.tif)")
    scenes = {path.stem: read_clear(path)[:2] for path in files}
    found: dict[tuple[str, float], dict[str, float]] = {}
    counts, bicubic = {}, {}
    for scale, factor in SCALES.items():
        fields = [Field(scale, name, average(*scene, factor * FINE_PIXEL_M)) for name, scene in scenes.items()]
        windows = [
            (field, window)
            for field in fields
            for window in cut_windows(field.lst, SIDE, STRIDE, most=args.most, valid_fraction=VALID_FRACTION)
        ]
        if not windows:
            raise InputError(
                f"{args.directory}: no window of {SIDE} pixels is clear by {VALID_FRACTION:.0%} at {scale}; give more "
                "scenes"
            )
        counts[scale] = len(windows)
        for noise_k in (0.0, args.noise_k):
            scores = score(methods, windows, noise_k=noise_k)
            found[scale, noise_k] = ratios(scores)
            bicubic[scale, noise_k] = scores.means()[BASELINE]["rmse"]
    cells = [["windows", "", *map(str, counts.values())]]
    for noise_k in (0.0, args.noise_k):
        noise = f"{noise_k:g} K" if noise_k else "none"
        cells.append(["bicubic", noise, *(f"{bicubic[scale, noise_k]:.3f} K" for scale in SCALES)])
        cells += [[name, noise, *(f"{found[scale, noise_k][name]:.3f}" for scale in SCALES)] for name in methods]
    print(markdown_table(["", "noise of the input", *SCALES], cells))
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.axhline(1, color="0.6", linewidth=1)
    for number, name in enumerate(methods):
        for noise_k, style in ((0.0, "o-"), (args.noise_k, "s:")):
            ratio = [found[scale, noise_k][name] for scale in SCALES]
            axes.plot(list(SCALES), ratio, style, color=f"C{number}", label=f"{name}, noise {noise_k:g} K")
    axes.set(ylabel="RMSE over that of bicubic")
    axes.legend(frameon=False, fontsize="small")
    figure.savefig(args.figure, dpi=130)


if __name__ == "__main__":
    main()
