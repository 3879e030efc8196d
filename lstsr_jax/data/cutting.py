"""One layer of LST, read once and cut into patches with their provenance."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lstsr_jax.data.elevation import elevation_for
from lstsr_jax.data.index import CutRule
from lstsr_jax.data.ndvi import ndvi_for
from lstsr_jax.data.patches import patch_windows, split_of
from lstsr_jax.data.summary import Summary
from lstsr_jax.geo import GranuleError, LstLayer, NdviLibrary, Scene, pixel_position

Patch = dict[str, Any]
"""Features of an example: images ``(S, S, 1)`` float32, and their granule, date, tile, overpass, place and view."""


def cut(
    layer: LstLayer, rule: CutRule, library: NdviLibrary | None, elevation: Path | None, summary: Summary
) -> Iterator[tuple[str, Patch]]:
    """The patches of a layer, row by row.

    Args:
        layer: read as the first patch is asked for.
        rule: how scenes are cut and split.
        library: NDVI to go with the LST; None: none.
        elevation: a DEM to go with it; None: none.
        summary: takes note of what is found; a layer or NDVI granule that cannot be read is noted and left out.

    Yields:
        The split, and the features of a patch; patches that the split rule leaves out are only counted.

    Raises:
        InputError: if NDVI is on another grid, or the DEM is none.
    """
    try:
        scene = layer.read(rule.policy)
    except GranuleError as error:
        summary.add_unreadable(layer.path.name, error)
        return
    valid = np.isfinite(scene.lst)
    summary.add_scene(scene, valid)
    fields = {"lst": scene.lst}
    if library is not None:
        fields["ndvi"] = _ndvi(library, scene, summary)
    if elevation is not None:
        fields["elevation"] = elevation_for(elevation, scene)
        summary.add_elevation(scene, fields["elevation"])
    for row, col in patch_windows(valid, rule.patch_size, rule.stride, rule.min_valid_fraction):
        tile, tile_row, tile_col = pixel_position(scene.transform, row, col)
        split = split_of(
            rule.split_by,
            granule=f"{scene.granule}_{scene.overpass}",
            date=scene.date,
            tile=tile,
            row=tile_row,
            col=tile_col,
            size=rule.patch_size,
        )
        window = np.s_[row : row + rule.patch_size, col : col + rule.patch_size]
        summary.add_patch(split, scene.lst[window])
        if split is None:
            continue
        summary.add_acquisition(scene, tile)
        yield (
            split,
            {
                **{name: field[window][..., None] for name, field in fields.items()},
                "granule": scene.granule,
                "date": scene.date.isoformat(),
                "product": scene.product,
                "tile": tile,
                "overpass": scene.overpass,
                "row": tile_row,
                "col": tile_col,
                "view_time": _mean_hour(scene.view_time, window),
                "view_angle": _mean(scene.view_angle, window),
            },
        )


def _ndvi(library: NdviLibrary, scene: Scene, summary: Summary) -> np.ndarray:
    """NDVI of a scene; NaN where its granule cannot be read, which is noted, as is a date without any."""
    try:
        ndvi = ndvi_for(library, scene)
    except GranuleError as error:
        path = library.path_for(scene.tile, scene.date)
        summary.add_unreadable(path.name if path else "NDVI", error)
        ndvi = np.full(scene.lst.shape, np.nan, np.float32)
    if not np.isfinite(ndvi).any():
        summary.without_ndvi.add(scene.date.isoformat())
    return ndvi


def _mean(field: np.ndarray | None, window: Any) -> np.float32:
    """Mean of what is known of a field in a window; NaN if nothing is."""
    known = np.empty(0) if field is None else field[window][np.isfinite(field[window])]
    return np.float32(known.mean() if known.size else np.nan)


def _mean_hour(field: np.ndarray | None, window: Any) -> np.float32:
    """The same of hours of the day, of which 23.9 and 0.1 are neighbours."""
    if field is None:
        return np.float32(np.nan)
    turn = np.exp(1j * np.pi / 12 * field[window].astype(np.float64))
    known = turn[np.isfinite(turn)]
    return np.float32(np.angle(known.mean()) * 12 / np.pi % 24 if known.size else np.nan)
