"""Where the pixels of an xarray array lie, and where those of its fine fields do."""

import dataclasses

import numpy as np
import xarray
from rasterio.transform import Affine
from rioxarray.exceptions import MissingSpatialDimensionError

from lstsr_jax.geo.grid import refine_transform

_UNEVEN = 0.01
"""How far a pixel's centre may lie off the even grid, in pixels: coordinates are often rounded."""
_STORED = (
    *("units", "_FillValue", "missing_value", "scale_factor", "add_offset", "grid_mapping"),
    *("valid_min", "valid_max", "valid_range", "actual_range", "transform"),
)
"""Attributes of how numbers were stored, which are not true of the result."""
_STATISTICS = "STATISTICS_"
"""How GDAL's names of statistics begin, which are not true of it either."""
_REPROJECT = "bring it onto an even, upright grid first, as with da.rio.reproject(crs)"


@dataclasses.dataclass(frozen=True)
class PlacedGrid:
    """Where the pixels of an array lie.

    Attributes:
        name: of the array, for messages.
        dims: of the rows and of the columns.
        shape: rows and columns.
        transform: (column, row) to coordinates, upright; None of an array without any georeferencing.
        labelled: whether the dimensions have coordinates.
    """

    name: str
    dims: tuple[str, str]
    shape: tuple[int, int]
    transform: Affine | None
    labelled: bool

    @classmethod
    def of(cls, name: str, da: xarray.DataArray) -> "PlacedGrid":
        """The grid of an array.

        Raises:
            ValueError: if it is not a raster with pixels, or not an even and upright one.
        """
        if not isinstance(da, xarray.DataArray):
            raise ValueError(f"{name} must be an xarray.DataArray, got {type(da).__name__}: select a variable of it")
        if not da.size:
            raise ValueError(f"{name} is empty: {dict(da.sizes)}")
        y, x = dims = _spatial(name, da)
        declared, labelled = _declared(name, da), [dim in da.coords for dim in dims]
        flat = [str(key) for key, at in da.coords.items() if {x, y} <= set(at.dims)]
        if flat and not any(labelled) and declared is None:
            raise ValueError(f"{name} is placed by {', '.join(flat)} along both dimensions, as a swath: {_REPROJECT}")
        if any(labelled) != all(labelled):
            raise ValueError(f"{name} has coordinates along one of {y} and {x} only: {_REPROJECT}")
        if declared is not None and (declared.b or declared.d):
            raise ValueError(f"{name} is rotated, GeoTransform {declared.to_gdal()}: {_REPROJECT}")
        transform = declared
        if all(labelled):
            steps = (None, None) if declared is None else (declared.e, declared.a)
            (top, e), (left, a) = (_axis(name, da[dim], step) for dim, step in zip(dims, steps, strict=True))
            transform = Affine(a, 0.0, left, 0.0, e, top)
        return cls(name, dims, (da.sizes[y], da.sizes[x]), transform, all(labelled))

    def north_up(self, da: xarray.DataArray) -> xarray.DataArray:
        """An array on this grid, turned so that rows run south and columns east; or such a one turned back."""
        y, x = self.dims
        if self.transform is None:
            return da
        turned = {y: self.transform.e > 0, x: self.transform.a < 0}
        return da.isel({dim: slice(None, None, -1) for dim, turn in turned.items() if turn})

    def refining(self, coarse: "PlacedGrid", factor: int) -> "PlacedGrid":
        """This grid, of pixels ``factor`` times smaller; one that lies nowhere lies as ``coarse`` does, row for row.

        Raises:
            ValueError: if it does not cover ``coarse``, or nobody knows whether it does.
        """
        if self.shape != (coarse.shape[0] * factor, coarse.shape[1] * factor):
            raise ValueError(f"{self.name} {self.shape} must be {coarse.name} {coarse.shape} times the factor {factor}")
        if coarse.transform is None and self.transform is None:
            return self
        if coarse.transform is None:
            raise ValueError(
                f"{self.name} has coordinates and {coarse.name} has none: give {coarse.name} its own, or {self.name} "
                "without them, its rows and columns in the same order"
            )
        if self.transform is None:
            return dataclasses.replace(self, transform=refine_transform(coarse.transform, factor))
        for mine, its, size in zip(self._edges(), coarse._edges(), self.shape, strict=True):
            pixel = abs(its[1] - its[0]) / size
            if np.abs(np.subtract(sorted(mine), sorted(its))).max() > 0.1 * pixel:
                raise ValueError(
                    f"{self.name} lies from {min(mine):g} to {max(mine):g} and {coarse.name} from {min(its):g} to "
                    f"{max(its):g}: bring it onto the fine grid first, as with ndvi.rio.reproject_match"
                )
        return self

    def _edges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Outer edges of the first and the last row, and of the first and the last column."""
        assert self.transform is not None
        a, _, left, _, e, top = self.transform[:6]
        return (top, top + e * self.shape[0]), (left, left + a * self.shape[1])

    def placed(self, fine: xarray.DataArray, da: xarray.DataArray, factor: int) -> xarray.DataArray:
        """The fine fields, north up, as the array ``da`` on this grid has its own: coordinates, CRS, attributes."""
        fine = self.north_up(fine)
        fine.name = da.name
        kept = {key: da.attrs[key] for key in da.attrs if key not in _STORED and not str(key).startswith(_STATISTICS)}
        fine.attrs = {**kept, "units": "K"}
        crs, mapping = da.rio.crs, da.rio.grid_mapping
        y, x = self.dims
        if self.transform is not None:
            transform = refine_transform(self.transform, factor)
            if self.labelled:
                a, _, left, _, e, top = transform[:6]
                for dim, start, step in ((y, top, e), (x, left, a)):
                    centres = start + step * (np.arange(fine.sizes[dim]) + 0.5)
                    fine = fine.assign_coords({dim: (dim, centres, da[dim].attrs)})
            if crs is not None or _declared(self.name, da) is not None:
                fine = fine.rio.set_spatial_dims(x, y).rio.write_transform(transform, grid_mapping_name=mapping)
        if crs is not None:
            fine = fine.rio.write_crs(crs, grid_mapping_name=mapping)
        placed: xarray.DataArray = fine.rio.write_nodata(np.nan, encoded=True)
        return placed


def _spatial(name: str, da: xarray.DataArray) -> tuple[str, str]:
    """The dimensions of rows and columns."""
    try:
        return da.rio.y_dim, da.rio.x_dim
    except MissingSpatialDimensionError:
        if {"lat", "lon"} <= set(da.dims):
            return "lat", "lon"
        raise ValueError(
            f"{name} has dimensions {', '.join(map(str, da.dims))}: name the spatial ones x and y, longitude and "
            "latitude or lon and lat, or give da.rio.set_spatial_dims(x_dim, y_dim)"
        ) from None


def _declared(name: str, da: xarray.DataArray) -> Affine | None:
    """The transform that the grid mapping holds, if it holds one."""
    mapping = da.coords.get(da.rio.grid_mapping)
    text = None if mapping is None else mapping.attrs.get("GeoTransform")
    if text is None:
        return None
    try:
        return Affine.from_gdal(*map(float, str(text).split()))
    except (TypeError, ValueError):
        raise ValueError(f"{name}: its GeoTransform {text!r} must be six numbers") from None


def _axis(name: str, coordinate: xarray.DataArray, declared: float | None) -> tuple[float, float]:
    """Outer edge of the first pixel and step of the centres along an axis, both in the coordinate's unit."""
    text = f"{name}: its coordinate {coordinate.name}"
    if coordinate.dtype.kind not in "fiu":
        raise ValueError(f"{text} must be numbers, the centres of pixels, got {coordinate.dtype}")
    centres = coordinate.values.astype(np.float64)
    if centres.size == 1:
        if not declared:
            raise ValueError(
                f"{text} has one value, so the size of a pixel is not known: write it with rio.write_transform"
            )
        return float(centres[0]) - declared / 2, declared
    step = float(centres[-1] - centres[0]) / (centres.size - 1)
    even = centres[0] + step * np.arange(centres.size)
    if not np.abs(centres - even).max() <= _UNEVEN * abs(step) or step == 0:
        steps = np.diff(centres)
        raise ValueError(f"{text} is not even, its steps are {steps.min():g} to {steps.max():g}: {_REPROJECT}")
    return float(centres[0]) - step / 2, step
