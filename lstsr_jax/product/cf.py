"""A product as an xarray dataset after the CF conventions, version 1.11."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import rioxarray  # noqa: F401  (adds the accessor ``rio``)
import xarray

from lstsr_jax.product.fine import FineScene
from lstsr_jax.product.times import observation_time

_OF_THE_OVERPASS = "by day or night, as the coordinate overpass says"
"""Names that stay true in a cube of both, which has the attributes of its first product."""
_TIME = {
    "standard_name": "time",
    "long_name": "mean time of the observations (UTC) between those of time_bnds; 00:00 of the first day if not known",
    "bounds": "time_bnds",
}
_VIEW_TIME = {"long_name": "mean local solar time of the observations; NaN if not known", "units": "hour"}


def to_dataset(fine: FineScene, tags: Mapping[str, str]) -> xarray.Dataset:
    """Describe a product: ``lst`` and, where there are any, ``lst_spread`` and ``qc`` over ``(y, x)``.

    Args:
        fine: the product.
        tags: attributes of the dataset.

    Returns:
        The dataset, with a grid mapping, coordinates of pixel centres, and scalar coordinates that tell products of one
        place apart: ``time`` with bounds (the UTC day if the file does not say more), ``overpass``, ``view_time``.
    """
    height, width = fine.lst.shape
    a, _, left, _, e, top = fine.transform[:6]
    observed = observation_time(fine.source)
    companions = [name for name, field in (("lst_spread", fine.spread), ("qc", fine.quality)) if field is not None]
    attributes: dict[str, Any] = {
        "standard_name": "surface_temperature",
        "long_name": f"land surface temperature {_OF_THE_OVERPASS}, super-resolved",
        "units": "K",
    }
    if companions:
        attributes["ancillary_variables"] = " ".join(companions)
    fields: dict[str, Any] = {"lst": (("y", "x"), fine.lst, attributes)}
    if fine.spread is not None:
        described = {
            "long_name": f"{fine.spread_kind}: the eight flips and rotations of the network's input",
            "units": "K",
        }
        if fine.calibrated:
            described["standard_name"] = "surface_temperature standard_error"
            described["long_name"] = "standard error of the LST: the spread over orientations, calibrated"
        fields["lst_spread"] = (("y", "x"), fine.spread, described)
    if fine.quality is not None:
        scheme = fine.source.scheme
        masks, values = (np.array(numbers, scheme.dtype) for numbers in zip(*scheme.flags.values(), strict=True))
        flags: dict[str, Any] = {"flag_masks": masks, "flag_values": values, "flag_meanings": " ".join(scheme.flags)}
        flags["legend"] = scheme.legend
        long_name = f"{scheme.name} quality of the 1 km pixel {_OF_THE_OVERPASS}"
        attributes = {"standard_name": "surface_temperature status_flag", "long_name": long_name, **flags}
        fields["qc"] = (("y", "x"), fine.quality, attributes)
    coordinates = {
        "y": top + e * (np.arange(height) + 0.5),
        "x": left + a * (np.arange(width) + 0.5),
        "time": ((), observed.mean.astype("datetime64[ns]"), _TIME),
        "time_bnds": ("bnds", np.array([observed.first, observed.last], "datetime64[ns]")),
        "overpass": ((), fine.source.overpass, {"long_name": "overpass, day or night"}),
        "view_time": ((), np.float32(observed.local_hour), _VIEW_TIME),
    }
    about = {"Conventions": "CF-1.11", "title": _title(fine), **tags}
    dataset: xarray.Dataset = xarray.Dataset(fields, coordinates, about)
    for name in ("time", "time_bnds"):
        dataset[name].encoding.update(units="seconds since 2000-01-01", dtype="int64")
    dataset = dataset.rio.write_crs(fine.crs).rio.write_transform(fine.transform).rio.write_coordinate_system()
    for name in fields:  # as an attribute: the encoding given on writing would replace rioxarray's
        dataset[name].encoding.pop("grid_mapping", None)
        dataset[name].attrs["grid_mapping"] = "spatial_ref"
    return dataset


def _title(fine: FineScene) -> str:
    source = fine.source
    days = "" if source.period_days == 1 else f", mean of {source.period_days} days"
    when = f"{source.date}{days}, {source.overpass}"
    return f"{source.product} land surface temperature, {source.tile}, {when}, super-resolved"
