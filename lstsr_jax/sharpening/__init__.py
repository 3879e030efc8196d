"""Classical sharpening of LST with a fine NDVI image: TsHARP, ATPRK and DMS."""

from lstsr_jax.ops.pooling import pool_ndvi
from lstsr_jax.sharpening.atprk import atprk
from lstsr_jax.sharpening.dms import PYDMS_PENALTY, dms
from lstsr_jax.sharpening.kriging import area_semivariances, kriging_weights
from lstsr_jax.sharpening.trees import require_sklearn
from lstsr_jax.sharpening.tsharp import tsharp
from lstsr_jax.sharpening.variogram import fit_variogram, lag_distances, semivariogram

__all__ = [
    "PYDMS_PENALTY",
    "area_semivariances",
    "atprk",
    "dms",
    "fit_variogram",
    "kriging_weights",
    "lag_distances",
    "pool_ndvi",
    "require_sklearn",
    "semivariogram",
    "tsharp",
]
