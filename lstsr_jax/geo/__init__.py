"""LST granules of MODIS and VIIRS: their grid, names, quality, reading, writing, simulation. No JAX here.

ASTER and simulation are loaded lazily: they bring scipy, which reading does without.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lstsr_jax.geo.companions import with_companions
from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.free_names import Said, said_by
from lstsr_jax.geo.granule import read_lst, read_scenes
from lstsr_jax.geo.grid import (
    SINUSOIDAL,
    lonlat_to_sinusoidal,
    parse_tile,
    pixel_lonlat,
    pixel_position,
    refine_transform,
    sinusoidal_to_lonlat,
    tile_bounds,
    tile_name,
    tile_of,
    tile_transform,
)
from lstsr_jax.geo.layer import LstLayer
from lstsr_jax.geo.listing import Listing, Skipped, describe_skipped, find_granules
from lstsr_jax.geo.names import GranuleName, parse_name
from lstsr_jax.geo.ndvi import NdviScene, period_start, read_ndvi
from lstsr_jax.geo.ndvi_library import PRODUCTS_1KM, PRODUCTS_250M, NdviLibrary
from lstsr_jax.geo.products import NDVI_PRODUCTS, PRODUCTS, Overpass, Product
from lstsr_jax.geo.quality import SCHEMES, QualityFields, QualityPolicy, QualityScheme, accept, decode
from lstsr_jax.geo.raster import pack_kelvin, write_raster
from lstsr_jax.geo.scene import Scene
from lstsr_jax.geo.stored import to_kelvin
from lstsr_jax.geo.target import target_grid
from lstsr_jax.geo.warp import Grid, Shift, place_field, warp_field

if TYPE_CHECKING:
    from lstsr_jax.geo.aster.pair import Pair, read_pairs, register_pair
    from lstsr_jax.geo.aster.pair_index import index_shifts, recorded_shifts
    from lstsr_jax.geo.aster.product import AsterScene, mask_fillers, read_aster, reduce_aster
    from lstsr_jax.geo.aster.registration import (
        Registration,
        ShiftSummary,
        estimate_shift,
        register_coarse,
        register_guide,
        summarise,
    )
    from lstsr_jax.geo.simulate.granule import SimulatedGranule, aggregate_l4, simulate_granule
    from lstsr_jax.geo.simulate.granule_writer import write_granule
    from lstsr_jax.geo.simulate.landscape import Landscape, place_seed_of, simulate_landscape
    from lstsr_jax.geo.simulate.pair import SimulatedPair, simulate_pair, write_pair

_HOME = {
    "AsterScene": "aster.product",
    "Landscape": "simulate.landscape",
    "Pair": "aster.pair",
    "Registration": "aster.registration",
    "ShiftSummary": "aster.registration",
    "SimulatedGranule": "simulate.granule",
    "SimulatedPair": "simulate.pair",
    "aggregate_l4": "simulate.granule",
    "estimate_shift": "aster.registration",
    "index_shifts": "aster.pair_index",
    "mask_fillers": "aster.product",
    "place_seed_of": "simulate.landscape",
    "read_aster": "aster.product",
    "read_pairs": "aster.pair",
    "recorded_shifts": "aster.pair_index",
    "reduce_aster": "aster.product",
    "register_coarse": "aster.registration",
    "register_guide": "aster.registration",
    "register_pair": "aster.pair",
    "simulate_granule": "simulate.granule",
    "simulate_landscape": "simulate.landscape",
    "simulate_pair": "simulate.pair",
    "summarise": "aster.registration",
    "write_granule": "simulate.granule_writer",
    "write_pair": "simulate.pair",
}

__all__ = [
    "NDVI_PRODUCTS",
    "PRODUCTS",
    "PRODUCTS_1KM",
    "PRODUCTS_250M",
    "SCHEMES",
    "SINUSOIDAL",
    "AsterScene",
    "GranuleError",
    "GranuleName",
    "Grid",
    "Landscape",
    "Listing",
    "LstLayer",
    "NdviLibrary",
    "NdviScene",
    "Overpass",
    "Pair",
    "Product",
    "QualityFields",
    "QualityPolicy",
    "QualityScheme",
    "Registration",
    "Said",
    "Scene",
    "Shift",
    "ShiftSummary",
    "SimulatedGranule",
    "SimulatedPair",
    "Skipped",
    "accept",
    "aggregate_l4",
    "decode",
    "describe_skipped",
    "estimate_shift",
    "find_granules",
    "index_shifts",
    "lonlat_to_sinusoidal",
    "mask_fillers",
    "pack_kelvin",
    "parse_name",
    "parse_tile",
    "period_start",
    "pixel_lonlat",
    "pixel_position",
    "place_field",
    "place_seed_of",
    "read_aster",
    "read_lst",
    "read_ndvi",
    "read_pairs",
    "read_scenes",
    "recorded_shifts",
    "reduce_aster",
    "refine_transform",
    "register_coarse",
    "register_guide",
    "register_pair",
    "said_by",
    "simulate_granule",
    "simulate_landscape",
    "simulate_pair",
    "sinusoidal_to_lonlat",
    "summarise",
    "target_grid",
    "tile_bounds",
    "tile_name",
    "tile_of",
    "tile_transform",
    "to_kelvin",
    "warp_field",
    "with_companions",
    "write_granule",
    "write_pair",
    "write_raster",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"lstsr_jax.geo.{_HOME[name]}"), name)
    raise AttributeError(f"module 'lstsr_jax.geo' has no attribute {name!r}")
