"""A field with its coordinates, coordinate reference system and leading dimensions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lstsr_jax.errors import InputError
from lstsr_jax.geo.physical import KELVIN, temperature_unit
from lstsr_jax.predictor import SuperResolver, as_super_resolver, load_predictor
from lstsr_jax.predictor.guides import given
from lstsr_jax.scene import super_resolve_scene
from lstsr_jax.scene.tiling import Tiling

try:
    import rioxarray  # noqa: F401  (adds the accessor ``rio``)
    import xarray
except ImportError as error:
    raise InputError(f"lstsr_jax.xarray: needs {error.name}; run pip install 'lstsr-jax[netcdf]'") from None

from lstsr_jax.xarray.placed import PlacedGrid

_OF_FINE = ("_fine_y", "_fine_x")
"""Names that dimensions have while fields of two resolutions are together."""


def super_resolve(
    da: xarray.DataArray,
    predictor: SuperResolver | Callable[..., Any] | str | Path = "default",
    ndvi: xarray.DataArray | None = None,
    *,
    elevation: xarray.DataArray | None = None,
    conserve_energy: bool | None = None,
    tile: int = Tiling.tile,
    overlap: int = Tiling.overlap,
    batch: int | None = Tiling.batch,
) -> xarray.DataArray:
    """Super-resolve LST of about 1 km that carries its coordinates.

    The two spatial dimensions are found as rioxarray finds them (``x`` and ``y``, ``longitude`` and ``latitude``, or by
    their CF attributes; ``da.rio.set_spatial_dims`` for others), and ``lon`` and ``lat``. All others, such as time, are
    mapped over, field by field; an array of dask stays lazy. Rows may run north or south and columns west or east: the
    network sees every field north up.

    Args:
        da: LST in kelvin, or in the degrees that its attribute ``units`` declares. NaN, and what ``da.rio.nodata``
            declares, is no observation.
        predictor: what :func:`lstsr_jax.super_resolve_scene` takes, or the name or path of a model.
        ndvi: for a predictor guided by it: on the fine grid, the same place; without coordinates its rows and columns
            run as those of ``da``. Dimensions that ``da`` has too, such as time, go together.
        elevation: in metres, likewise.
        conserve_energy: as for :func:`lstsr_jax.super_resolve_scene`.
        tile: as there.
        overlap: as there.
        batch: as there.

    Returns:
        float32 in K, NaN exactly where ``da`` is not observed, in the order of the dimensions of ``da`` and with its
        name, attributes and CRS. The fine coordinates are the centres of pixels whose outer edges are those of ``da``.
        Coordinates along other dimensions are kept, further ones along the spatial dimensions are left out.

    Raises:
        ValueError: if ``da`` is no such array, its grid is not even and upright, it is not in kelvin (degrees Celsius
            that no attribute declares included), or a guide is not on its fine grid; with dask the numbers
            themselves are looked at when they are computed.
        InputError: if there is no such model.

    Example:
        >>> import numpy as np
        >>> import xarray
        >>> from lstsr_jax.methods import method
        >>> from lstsr_jax.xarray import super_resolve
        >>> place = {"y": [3000.0, 2000.0], "x": [500.0, 1500.0]}
        >>> da = xarray.DataArray(np.full((2, 2), 290.0), place, ("y", "x")).rio.write_crs("EPSG:32632")
        >>> fine = super_resolve(da, method("bicubic"))
        >>> fine.shape, fine.x.values[:2].tolist(), fine.y.values[:2].tolist(), fine.rio.crs == da.rio.crs
        ((8, 8), [125.0, 375.0], [3375.0, 3125.0], True)
    """
    resolver = as_super_resolver(load_predictor(predictor) if isinstance(predictor, str | Path) else predictor)
    grid = PlacedGrid.of("da", da)
    kelvin = _kelvin(da)
    fields, dims = [grid.north_up(kelvin)], [list(grid.dims)]
    guides: dict[str, xarray.DataArray] = given(ndvi=ndvi, elevation=elevation)
    for name, guide in guides.items():
        fine_grid, of_guide = PlacedGrid.of(name, guide).refining(grid, resolver.factor), [f"_{name}_y", f"_{name}_x"]
        fields.append(fine_grid.north_up(guide).rename(dict(zip(fine_grid.dims, of_guide, strict=True))))
        dims.append(of_guide)
    options: dict[str, Any] = {"conserve_energy": conserve_energy, "tile": tile, "overlap": overlap, "batch": batch}

    def refine(lst: np.ndarray, *seen: np.ndarray) -> np.ndarray:
        return super_resolve_scene(resolver, lst, **{**options, **dict(zip(guides, seen, strict=True))})

    fine = xarray.apply_ufunc(
        refine,
        *fields,
        input_core_dims=dims,
        output_core_dims=[list(_OF_FINE)],
        vectorize=True,
        join="exact",
        dask="parallelized",
        dask_gufunc_kwargs={
            "allow_rechunk": True,
            "output_sizes": dict(zip(_OF_FINE, (size * resolver.factor for size in grid.shape), strict=True)),
        },
        output_dtypes=[np.float32],
    )
    fine = fine.rename(dict(zip(_OF_FINE, grid.dims, strict=True))).transpose(..., *da.dims)
    return grid.placed(fine, da, resolver.factor)


def _kelvin(da: xarray.DataArray) -> xarray.DataArray:
    """LST in kelvin, NaN where there is no observation, by what the attributes declare."""
    if da.attrs.get("scale_factor", 1) != 1 or da.attrs.get("add_offset", 0) != 0:
        raise ValueError("da is packed (scale_factor, add_offset): open the file with mask_and_scale=True")
    unit = temperature_unit(str(da.attrs.get("units", "")))
    if unit is None:
        raise ValueError(f"da has units {da.attrs['units']!r}, none of temperature: give LST in kelvin")
    if da.dtype.kind not in "fiu":
        raise ValueError(f"da must hold real numbers, got {da.dtype}")
    if da.rio.nodata is not None:
        da = da.where(da != da.rio.nodata)
    return da if unit == KELVIN else da.astype(np.float64) * unit.scale + unit.offset
