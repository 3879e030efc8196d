"""LST granules of MODIS and VIIRS: their grid, names, quality, reading, writing, simulation. No JAX here.

The ten that users need first: :func:`read_lst` and :func:`read_scenes` (what a file holds), :func:`find_granules` (what
a folder holds), :data:`PRODUCTS` (what can be read), :class:`QualityPolicy` (which pixels count), :func:`read_ndvi`,
:func:`refine_transform` and :func:`write_raster` (a map of one's own), :func:`simulate_granule` and
:func:`write_granule` (something to try it on).

Names are loaded on first use: reading does without scipy, which ASTER and simulation bring, and the download without
numpy and rasterio.
"""

from typing import TYPE_CHECKING

from lstsr_jax.lazy import lazily

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
    from lstsr_jax.geo.companions import with_companions
    from lstsr_jax.geo.elevation import read_elevation
    from lstsr_jax.geo.errors import GranuleError
    from lstsr_jax.geo.free_names import Said, said_by
    from lstsr_jax.geo.granule import read_lst, read_scenes
    from lstsr_jax.geo.grid import (
        SINUSOIDAL,
        lonlat_to_sinusoidal,
        pixel_lonlat,
        pixel_position,
        refine_transform,
        sinusoidal_to_lonlat,
        tile_bounds,
        tile_of,
        tile_transform,
    )
    from lstsr_jax.geo.guide import Guide, read_guide
    from lstsr_jax.geo.layer import LstLayer
    from lstsr_jax.geo.listing import Listing, describe_skipped, find_granules
    from lstsr_jax.geo.names import GranuleName, parse_name
    from lstsr_jax.geo.ndvi import NdviScene, period_start, read_ndvi
    from lstsr_jax.geo.ndvi_library import PRODUCTS_1KM, PRODUCTS_250M, NdviLibrary
    from lstsr_jax.geo.products import NDVI_PRODUCTS, PRODUCTS, Overpass, Product
    from lstsr_jax.geo.quality import SCHEMES, QualityFields, QualityPolicy, QualityScheme, accept, decode
    from lstsr_jax.geo.raster import pack_kelvin, write_raster
    from lstsr_jax.geo.scene import Scene
    from lstsr_jax.geo.simulate.granule import SimulatedGranule, aggregate_l4, simulate_granule
    from lstsr_jax.geo.simulate.granule_writer import write_granule
    from lstsr_jax.geo.simulate.landscape import Landscape, place_seed_of, simulate_landscape
    from lstsr_jax.geo.simulate.pair import SimulatedPair, simulate_pair, write_pair
    from lstsr_jax.geo.stored import to_kelvin
    from lstsr_jax.geo.target import target_grid
    from lstsr_jax.geo.tile_names import parse_tile, tile_name
    from lstsr_jax.geo.walk import Skipped
    from lstsr_jax.geo.warp import Grid, Shift, place_field, warp_field

_HOME = {
    "NDVI_PRODUCTS": ".products",
    "PRODUCTS": ".products",
    "PRODUCTS_1KM": ".ndvi_library",
    "PRODUCTS_250M": ".ndvi_library",
    "SCHEMES": ".quality",
    "SINUSOIDAL": ".grid",
    "AsterScene": ".aster.product",
    "GranuleError": ".errors",
    "GranuleName": ".names",
    "Grid": ".warp",
    "Guide": ".guide",
    "Landscape": ".simulate.landscape",
    "Listing": ".listing",
    "LstLayer": ".layer",
    "NdviLibrary": ".ndvi_library",
    "NdviScene": ".ndvi",
    "Overpass": ".products",
    "Pair": ".aster.pair",
    "Product": ".products",
    "QualityFields": ".quality",
    "QualityPolicy": ".quality",
    "QualityScheme": ".quality",
    "Registration": ".aster.registration",
    "Said": ".free_names",
    "Scene": ".scene",
    "Shift": ".warp",
    "ShiftSummary": ".aster.registration",
    "SimulatedGranule": ".simulate.granule",
    "SimulatedPair": ".simulate.pair",
    "Skipped": ".walk",
    "accept": ".quality",
    "aggregate_l4": ".simulate.granule",
    "decode": ".quality",
    "describe_skipped": ".listing",
    "estimate_shift": ".aster.registration",
    "find_granules": ".listing",
    "index_shifts": ".aster.pair_index",
    "lonlat_to_sinusoidal": ".grid",
    "mask_fillers": ".aster.product",
    "pack_kelvin": ".raster",
    "parse_name": ".names",
    "parse_tile": ".tile_names",
    "period_start": ".ndvi",
    "pixel_lonlat": ".grid",
    "pixel_position": ".grid",
    "place_field": ".warp",
    "place_seed_of": ".simulate.landscape",
    "read_aster": ".aster.product",
    "read_elevation": ".elevation",
    "read_guide": ".guide",
    "read_lst": ".granule",
    "read_ndvi": ".ndvi",
    "read_pairs": ".aster.pair",
    "read_scenes": ".granule",
    "recorded_shifts": ".aster.pair_index",
    "reduce_aster": ".aster.product",
    "refine_transform": ".grid",
    "register_coarse": ".aster.registration",
    "register_guide": ".aster.registration",
    "register_pair": ".aster.pair",
    "said_by": ".free_names",
    "simulate_granule": ".simulate.granule",
    "simulate_landscape": ".simulate.landscape",
    "simulate_pair": ".simulate.pair",
    "sinusoidal_to_lonlat": ".grid",
    "summarise": ".aster.registration",
    "target_grid": ".target",
    "tile_bounds": ".grid",
    "tile_name": ".tile_names",
    "tile_of": ".grid",
    "tile_transform": ".grid",
    "to_kelvin": ".stored",
    "warp_field": ".warp",
    "with_companions": ".companions",
    "write_granule": ".simulate.granule_writer",
    "write_pair": ".simulate.pair",
    "write_raster": ".raster",
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
    "Guide",
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
    "read_elevation",
    "read_guide",
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


__getattr__ = lazily(__name__, _HOME)
