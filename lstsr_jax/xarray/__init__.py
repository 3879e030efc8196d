"""Beside the products: xarray in, xarray out; loaded lazily. Needs the extra ``netcdf`` (xarray, rioxarray)."""

from typing import TYPE_CHECKING

from lstsr_jax.lazy import lazily

if TYPE_CHECKING:
    from lstsr_jax.xarray.resolve import super_resolve

_HOME = {
    "super_resolve": ".resolve",
}

__all__ = [
    "super_resolve",
]

__getattr__ = lazily(__name__, _HOME)
