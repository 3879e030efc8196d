"""The pictures of the front page: a map before and after, and its spread.

``python -m studies.pictures docs/_static``: a simulated granule, cut to what a page holds, at 1 km, mapped with a
shipped model, and the standard error of that map.
"""

import argparse
import datetime
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from lstsr_jax.geo import simulate_granule, to_kelvin
from lstsr_jax.predictor import load_predictor
from lstsr_jax.scene import super_resolve_spread

ROWS, COLUMNS, FACTOR = 48, 80, 4
GREY = "#808080"  # told apart from the page in light and dark


def _paint(field: NDArray[np.float32], low: float, high: float) -> Image.Image:
    """One pixel of the field, one of the picture; transparent where nothing was observed."""
    colours = colormaps["inferno"](np.clip((field - low) / (high - low), 0.0, 1.0), bytes=True)
    colours[np.isnan(field)] = 0
    return Image.fromarray(colours)


def _draw_spread(fine: NDArray[np.float32], sigma: NDArray[np.float32], low: float, high: float) -> Figure:
    figure = Figure(figsize=(8.0, 3.0), layout="constrained")
    panels = figure.subplots(1, 2)
    drawn = (fine, "inferno", low, high, "LST at 250 m, K"), (sigma, "viridis", None, None, "standard error, K")
    for panel, (field, colours, bottom, top, title) in zip(panels, drawn, strict=True):
        image = panel.imshow(field, cmap=colours, vmin=bottom, vmax=top)
        panel.set(xticks=[], yticks=[])
        panel.set_title(title, color=GREY)
        panel.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=panel, shrink=0.75)
        bar.ax.tick_params(colors=GREY)
        bar.outline.set_visible(False)
    return figure


def main(arguments: list[str] | None = None) -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="receives map-1km.webp, map-250m.webp and spread.webp")
    parser.add_argument("--checkpoint", default="default", help="a model whose spread is calibrated")
    options = parser.parse_args(arguments)

    granule = simulate_granule(21, date=datetime.date(2020, 7, 1), size=COLUMNS, cloud_fraction=0.08)
    coarse = to_kelvin(granule.layers["LST_Day_1km"])[:ROWS]
    predictor = load_predictor(options.checkpoint)
    if predictor.map_calibration is None:
        parser.error(f"--checkpoint {options.checkpoint}: has no calibration, so its spread is no standard error")
    fine, sigma = super_resolve_spread(predictor, coarse)
    low, high = np.nanpercentile(fine, (0.5, 99.5))
    options.folder.mkdir(parents=True, exist_ok=True)
    shown = {"map-1km": np.kron(coarse, np.ones((FACTOR, FACTOR), np.float32)), "map-250m": fine}
    for name, field in shown.items():
        _paint(field, low, high).save(options.folder / f"{name}.webp", quality=92, method=6)
    figure = _draw_spread(fine, sigma, low, high)
    figure.savefig(options.folder / "spread.webp", dpi=120, transparent=True, pil_kwargs={"quality": 85})


if __name__ == "__main__":
    main()
