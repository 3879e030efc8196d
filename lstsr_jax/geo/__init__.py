"""MODIS granules: their grid, names, quality, reading, writing, and simulation. No JAX in here."""

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.granule import Scene, read_lst, to_kelvin
from lstsr_jax.geo.granule_writer import write_granule
from lstsr_jax.geo.grid import (
    SINUSOIDAL,
    lonlat_to_sinusoidal,
    parse_tile,
    pixel_lonlat,
    refine_transform,
    sinusoidal_to_lonlat,
    tile_bounds,
    tile_name,
    tile_of,
    tile_transform,
)
from lstsr_jax.geo.landscape import Landscape, place_seed_of, simulate_landscape
from lstsr_jax.geo.listing import Listing, LstLayer, Skipped, find_granules
from lstsr_jax.geo.names import GranuleName, Overpass, parse_name
from lstsr_jax.geo.ndvi import NdviScene, period_start, read_ndvi
from lstsr_jax.geo.quality import QualityFields, QualityPolicy, accept, decode
from lstsr_jax.geo.raster import pack_kelvin, write_raster
from lstsr_jax.geo.simulate import SimulatedGranule, aggregate_l4, simulate_granule

__all__ = [
    "SINUSOIDAL",
    "GranuleError",
    "GranuleName",
    "Landscape",
    "Listing",
    "LstLayer",
    "NdviScene",
    "Overpass",
    "QualityFields",
    "QualityPolicy",
    "Scene",
    "SimulatedGranule",
    "Skipped",
    "accept",
    "aggregate_l4",
    "decode",
    "find_granules",
    "lonlat_to_sinusoidal",
    "pack_kelvin",
    "parse_name",
    "parse_tile",
    "period_start",
    "pixel_lonlat",
    "place_seed_of",
    "read_lst",
    "read_ndvi",
    "refine_transform",
    "simulate_granule",
    "simulate_landscape",
    "sinusoidal_to_lonlat",
    "tile_bounds",
    "tile_name",
    "tile_of",
    "tile_transform",
    "to_kelvin",
    "write_granule",
    "write_raster",
]
