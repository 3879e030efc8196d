"""The picture beside a product: coarse and fine, the whole and a part of it."""

import threading
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from lstsr_jax.files import replacing
from lstsr_jax.product.fine import FineScene

_ZOOM = 48  # coarse pixels along the side of the second row's part
_SHOWN = 1200  # pixels along the longer side beyond which a field is thinned before it is drawn
_drawing = threading.Lock()  # matplotlib is made for one thread


def draw_quick_look(path: Path, fine: FineScene) -> None:
    """Draw coarse and fine LST side by side on one kelvin scale, and below them the part with most to see.

    Of a scene without any observation it says so, and has no scale.

    Args:
        path: PNG file to write.
        fine: on the grid of its source, not warped.
    """
    with _drawing:
        _draw(path, fine)


def _draw(path: Path, fine: FineScene) -> None:
    coarse, factor = fine.source.lst, fine.lst.shape[0] // fine.source.lst.shape[0]
    observed = coarse[np.isfinite(coarse)]
    low, high = np.percentile(observed, (1, 99)) if observed.size else (0.0, 1.0)
    style = {"cmap": "inferno", "vmin": low, "vmax": max(high, low + 0.1), "interpolation": "nearest"}
    corner = _most_to_see(coarse)
    figure = Figure(figsize=(10, 5.4 if corner is None else 9.6), layout="constrained")
    axes = figure.subplots(1 if corner is None else 2, 2, squeeze=False)
    for axis, (name, field, scale) in zip(
        axes[0], (("1 km", coarse, 1), (f"{1000 // factor} m", fine.lst, factor)), strict=True
    ):
        step = -(-max(field.shape) // _SHOWN)
        extent = (0, coarse.shape[1], coarse.shape[0], 0)
        drawn = axis.imshow(field[::step, ::step], extent=extent, **style)
        axis.set_title(name)
        if corner is None:
            continue
        row, column = corner
        axis.add_patch(Rectangle((column, row), _ZOOM, _ZOOM, fill=False, edgecolor="tab:cyan"))
        part = field[row * scale : (row + _ZOOM) * scale, column * scale : (column + _ZOOM) * scale]
        axes[1][int(scale > 1)].imshow(part, **style)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_facecolor("0.85")
        if not observed.size:
            axis.text(0.5, 0.5, "no observation", transform=axis.transAxes, ha="center", va="center")
    if observed.size:
        figure.colorbar(drawn, ax=list(axes.flat), label="LST (K)", shrink=0.7)
    source = fine.source
    figure.suptitle(f"{source.granule}, {source.overpass}")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _most_to_see(coarse: NDArray[np.float32]) -> tuple[int, int] | None:
    """Corner of the part with the most contrast among the best observed; None if the whole is hardly larger."""
    if min(coarse.shape) < 2 * _ZOOM or not np.isfinite(coarse).any():
        return None
    rows, columns = (side // _ZOOM for side in coarse.shape)
    blocks = coarse[: rows * _ZOOM, : columns * _ZOOM].reshape(rows, _ZOOM, columns, _ZOOM)
    parts = np.moveaxis(blocks, 2, 1).reshape(rows * columns, -1)
    known = np.isfinite(parts)
    counts = known.sum(1)
    values = np.where(known, parts - np.nanmean(coarse), 0).astype(np.float64)
    mean = values.sum(1) / np.maximum(counts, 1)
    spread = (np.square(values).sum(1) / np.maximum(counts, 1) - np.square(mean)).clip(0)
    best = int(np.argmax(np.where(counts >= 0.9 * counts.max(), spread, -1)))
    return best // columns * _ZOOM, best % columns * _ZOOM
