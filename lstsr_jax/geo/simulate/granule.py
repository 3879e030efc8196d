"""A simulated granule of any LST product whose true 250 m temperature is known.

The place is drawn once per tile, the weather and the clouds per date, all at 250 m, and then aggregated to
1 km as energy, (mean T^4)^(1/4), so that super-resolution has an answer to be compared with.
"""

import dataclasses
import datetime
from typing import Final

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from rasterio.transform import Affine

from lstsr_jax.geo.grid import TILE_PIXELS, pixel_lonlat, tile_transform
from lstsr_jax.geo.physical import LST_SCALE_K
from lstsr_jax.geo.products import PRODUCTS
from lstsr_jax.geo.simulate.fields import Field, power_law_field
from lstsr_jax.geo.simulate.landscape import (
    ROCK,
    SEA,
    TOWN,
    WATER,
    Landscape,
    ndvi_of,
    place_seed_of,
    simulate_landscape,
)
from lstsr_jax.geo.simulate.layers import as_product
from lstsr_jax.geo.simulate.weather import draw_weather, surface_temperature

FACTOR: Final = 4
NOISE_K: Final = 0.08
CLOUDY, NOT_PRODUCED = 2, 3
# Quality bytes of observed pixels in real granules, from the best to the worst, with how often they occur
# inside and outside the fringe of clouds.
_CODES: Final = np.array([0, 17, 65, 81, 129, 145], np.uint8)
_NEAR: Final = (0.30, 0.04, 0.50, 0.08, 0.06, 0.02)
_FAR: Final = (0.985, 0.005, 0.010, 0.0, 0.0, 0.0)
_EMISSIVITY: Final = {SEA: (0.991, 0.987), WATER: (0.991, 0.987), ROCK: (0.966, 0.972), TOWN: (0.972, 0.976)}


@dataclasses.dataclass(frozen=True, eq=False)
class SimulatedGranule:
    """The layers of a granule as stored, and the truth behind them.

    Attributes:
        layers: dataset name to (size, size) array, in the product's order and data types.
        truth_day: (4 size, 4 size) float32 kelvin: the clear-sky temperature, under clouds too.
        truth_night: the same by night.
        ndvi: (4 size, 4 size) float32, of the 16-day period that holds the date.
        elevation: (4 size, 4 size) float32, metres; 0 on the sea.
        product: a key of ``PRODUCTS``.
        date: the day, or the first of eight.
        tile: such as "h18v04".
        seed: what the weather was drawn from.
        place_seed: what the place was drawn from.
    """

    layers: dict[str, NDArray[np.uint8] | NDArray[np.uint16]]
    truth_day: Field
    truth_night: Field
    ndvi: Field
    elevation: Field
    product: str
    date: datetime.date
    tile: str
    seed: int
    place_seed: int

    @property
    def lst_day(self) -> NDArray[np.uint16]:
        """(size, size) in steps of 0.02 K, 0 where not observed; KeyError of a product of the night."""
        return self.layers[PRODUCTS[self.product].layers["day"].lst].astype(np.uint16, copy=False)

    @property
    def lst_night(self) -> NDArray[np.uint16]:
        """(size, size) in steps of 0.02 K, 0 where not observed; KeyError of a product of the day."""
        return self.layers[PRODUCTS[self.product].layers["night"].lst].astype(np.uint16, copy=False)

    @property
    def qc_day(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """(size, size) quality codes."""
        return self.layers[PRODUCTS[self.product].layers["day"].quality]

    @property
    def qc_night(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """(size, size) quality codes."""
        return self.layers[PRODUCTS[self.product].layers["night"].quality]

    @property
    def size(self) -> int:
        """Pixels along a side at 1 km."""
        result: int = next(iter(self.layers.values())).shape[0]
        return result

    @property
    def transform(self) -> Affine:
        """(column, row) at 1 km to sinusoidal metres; the upper-left corner of the tile."""
        return tile_transform(self.tile)

    @property
    def granule(self) -> str:
        """The granule's id; the time of production is made up, and always the same for a date."""
        produced = self.date + datetime.timedelta(days=2)
        return f"{self.product}.A{self.date:%Y%j}.{self.tile}.{PRODUCTS[self.product].collection}.{produced:%Y%j}120000"


def simulate_granule(
    seed: int = 0,
    *,
    tile: str = "h18v04",
    date: datetime.date = datetime.date(2020, 7, 1),
    size: int = TILE_PIXELS,
    cloud_fraction: float = 0.3,
    product: str = "MOD11A1",
    place_seed: int | None = None,
    landscape: Landscape | None = None,
) -> SimulatedGranule:
    """Simulate a granule; the same arguments give the same arrays.

    Args:
        seed: of weather, clouds and noise, at least 0; each date and product draws its own from it.
        tile: where; it sets the latitude and the grid.
        date: when; it sets the season.
        size: pixels along a side at 1 km, 8..1200: the upper-left part of the tile, each its own place.
        cloud_fraction: share of the area under cloud, 0..1, day and night alike.
        product: a key of ``PRODUCTS``; one of the day or the night gets that overpass.
        place_seed: of the place, at least 0; by default it follows from the tile.
        landscape: a place already drawn by ``simulate_landscape``, to save drawing it again for every date; it
            overrides ``place_seed`` and must be of this size.

    Returns:
        The granule.

    Raises:
        ValueError: an argument outside these ranges.
    """
    if product not in PRODUCTS:
        raise ValueError(f"product must be one of {', '.join(PRODUCTS)}, got {product!r}")
    if not 8 <= size <= TILE_PIXELS:
        raise ValueError(f"size must be 8..{TILE_PIXELS} pixels, got {size}")
    if not 0 <= cloud_fraction <= 1:
        raise ValueError(f"cloud_fraction must be 0..1, got {cloud_fraction}")
    if landscape is None:
        landscape = simulate_landscape(place_seed_of(tile) if place_seed is None else place_seed, size)
    if landscape.size != size:
        raise ValueError(f"landscape is of size {landscape.size}, not {size}; draw it with that size")

    latitude = float(np.nanmean(pixel_lonlat(tile_transform(tile, size=1), (1, 1))[1]))
    rng = np.random.default_rng([seed, date.toordinal(), list(PRODUCTS).index(product), 12])
    weather = draw_weather(rng, date, latitude)
    ndvi = ndvi_of(landscape, date, latitude)
    truth_day, truth_night = surface_temperature(rng, landscape, ndvi, weather, latitude)

    open_sea = scipy.ndimage.binary_erosion(_share(landscape.cover == SEA) == 1, iterations=4)
    layers: dict[str, NDArray[np.uint8] | NDArray[np.uint16]] = {}
    for label, truth, hour in (("Day", truth_day, 10.9), ("Night", truth_night, 21.7)):
        clouds = _clouds(rng, size, cloud_fraction)
        layers |= _overpass(rng, label, truth, clouds, open_sea, hour)
    seen = (layers["LST_Day_1km"] > 0) | (layers["LST_Night_1km"] > 0)
    layers["Emis_31"], layers["Emis_32"] = (_emissivity(landscape, ndvi, band, seen) for band in (0, 1))
    for label in ("Day", "Night"):
        layers[f"Clear_{label.lower()}_cov"] = layers.pop(f"Clear_{label}")
    return SimulatedGranule(
        layers=as_product(product, layers),
        truth_day=truth_day,
        truth_night=truth_night,
        ndvi=ndvi,
        elevation=landscape.elevation,
        product=product,
        date=date,
        tile=tile,
        seed=seed,
        place_seed=landscape.place_seed,
    )


def aggregate_l4(fine: Field, factor: int = FACTOR) -> NDArray[np.float64]:
    """Energy mean of blocks, (mean T^4)^(1/4), in float64.

    Args:
        fine: (H, W) kelvin, multiples of ``factor``.
        factor: pixels along a block's side.

    Returns:
        (H / factor, W / factor).
    """
    height, width = fine.shape[0] // factor, fine.shape[1] // factor
    result = np.empty((height, width))
    for row in range(height):  # one row of blocks at a time: the float64 copy of a tile would be 184 MB
        block = np.square(np.square(fine[row * factor : (row + 1) * factor].astype(np.float64)))
        result[row] = block.reshape(factor, width, factor).mean(axis=(0, 2))
    return np.sqrt(np.sqrt(result))


def _overpass(
    rng: np.random.Generator,
    label: str,
    truth: Field,
    clouds: NDArray[np.bool_],
    open_sea: NDArray[np.bool_],
    hour: float,
) -> dict[str, NDArray[np.uint8] | NDArray[np.uint16]]:
    shape = clouds.shape
    hidden = clouds | open_sea
    near = scipy.ndimage.binary_dilation(clouds, iterations=2)
    draw = rng.random(shape, dtype=np.float32)
    quality = np.where(
        near,
        _CODES[np.minimum(np.searchsorted(np.cumsum(_NEAR), draw, side="right"), 5)],
        _CODES[np.minimum(np.searchsorted(np.cumsum(_FAR), draw, side="right"), 5)],
    )
    noise = NOISE_K * (1 + 0.5 * (quality >> 6)) * rng.standard_normal(shape)
    lst = np.rint((aggregate_l4(truth) + noise) / LST_SCALE_K).astype(np.uint16)
    quality = np.where(open_sea, NOT_PRODUCED, np.where(clouds, CLOUDY, quality)).astype(np.uint8)
    # A swath of 2330 km sees the tile from a side that changes from day to day; the sun's time follows it.
    column = np.arange(shape[1]) / TILE_PIXELS * 1112 / 2330 + rng.uniform(0, 1)
    angle = np.broadcast_to(np.rint(130 * (column % 1)), shape)
    time = np.broadcast_to(np.rint(10 * (hour + 0.7 * (0.5 - column % 1))), shape)
    coverage = np.where(near, rng.integers(900, 1900, shape), 2000)
    return {
        f"LST_{label}_1km": np.where(hidden, 0, lst).astype(np.uint16),
        f"QC_{label}": quality,
        f"{label}_view_time": np.where(hidden, 255, time).astype(np.uint8),
        f"{label}_view_angl": np.where(hidden, 255, angle).astype(np.uint8),
        f"Clear_{label}": np.where(hidden, 0, coverage).astype(np.uint16),
    }


def _clouds(rng: np.random.Generator, size: int, fraction: float) -> NDArray[np.bool_]:
    """Banks with ragged edges and open sky between: (size, size) bool, True under cloud."""
    bank = power_law_field(rng, (size, size), slope=4.6, outer_px=500)
    bank += 0.05 * power_law_field(rng, (size, size), slope=2.0, outer_px=20)
    if fraction in (0, 1):
        return np.full((size, size), fraction == 1)
    return bank > np.quantile(bank, 1 - fraction)


def _emissivity(place: Landscape, ndvi: Field, band: int, seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Band 31 or 32 emissivity, steps of 0.002 from 0.49; 0 where neither overpass saw the ground."""
    value = np.full(seen.shape, 0.978 if band == 0 else 0.982)
    value += (0.006, 0.004)[band] * (_share(np.clip(ndvi, 0, 1)) - 0.4)
    for cover, emissivity in _EMISSIVITY.items():
        share = _share(place.cover == cover)
        value += share * (emissivity[band] - value)
    return np.where(seen, np.rint((value - 0.49) / 0.002), 0).astype(np.uint8)


def _share(fine: NDArray[np.float32] | NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean of each 4 x 4 block."""
    height, width = fine.shape[0] // FACTOR, fine.shape[1] // FACTOR
    result: NDArray[np.float64] = fine.reshape(height, FACTOR, width, FACTOR).mean(axis=(1, 3), dtype=np.float64)
    return result
