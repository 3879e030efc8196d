"""A simulated place at 250 m: relief, water, land cover, farmland, towns. It does not change from day to day.

Scales are in pixels of 231.66 m. The place is drawn for its size: a smaller one is another place, not a part.
"""

import dataclasses
import datetime
import zlib
from typing import Final

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from lstsr_jax.geo.ndvi import period_start
from lstsr_jax.geo.simulate.fields import Field, power_law_field, smoothstep

SEA, WATER, CROP, GRASS, FOREST, ROCK, TOWN = range(7)
N_COVERS: Final = 7
FINE_PIXEL_M: Final = 231.656358
# NDVI of each cover at its yearly minimum, its amplitude, and how much of the vigour texture it shows.
_NDVI_LOW: Final = np.array([-0.10, -0.12, 0.22, 0.34, 0.48, 0.06, 0.24], np.float32)
_NDVI_GROWTH: Final = np.array([0.0, 0.0, 0.48, 0.34, 0.36, 0.10, 0.10], np.float32)
_NDVI_TEXTURE: Final = np.array([0.01, 0.01, 0.13, 0.06, 0.03, 0.05, 0.06], np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class Landscape:
    """What stays the same at a place.

    Attributes:
        elevation: (4 size, 4 size) float32, metres; 0 on the sea.
        cover: (4 size, 4 size) uint8, one of SEA, WATER, CROP, GRASS, FOREST, ROCK, TOWN.
        vigour: (4 size, 4 size) float32, about -2..2: how green a spot is for its cover.
        place_seed: what it was drawn from.
    """

    elevation: Field
    cover: NDArray[np.uint8]
    vigour: Field
    place_seed: int

    @property
    def size(self) -> int:
        """Pixels along a side at 1 km."""
        result: int = self.cover.shape[0] // 4
        return result


def place_seed_of(tile: str) -> int:
    """The default seed of the place at a tile: the CRC-32 of its name."""
    return zlib.crc32(tile.encode())


def simulate_landscape(place_seed: int, size: int) -> Landscape:
    """Draw a place.

    Args:
        place_seed: any integer of at least 0; the same one and size give the same place.
        size: pixels along a side at 1 km; the arrays are four times as wide.

    Returns:
        The place.
    """
    rng = np.random.default_rng([place_seed, size, 11])
    shape = (4 * size, 4 * size)
    region = power_law_field(rng, shape, slope=4.2, outer_px=900)
    sample = region[::8, ::8]
    region -= sample.mean()
    region *= np.float32(1 / max(float(sample.std()), 1e-3))
    mountain = smoothstep(region, 0.0, 1.3)
    valley = np.abs(power_law_field(rng, shape, slope=4.0, outer_px=200, inner_px=4))  # 0 on crests: they are creases
    elevation = 150 + 120 * np.maximum(region + 1, 0)
    crest = np.maximum(1 - valley / 1.6, 0)
    elevation += (60 + 1000 * mountain) * crest * np.sqrt(crest)
    sea = region < np.quantile(sample, 0.04)
    elevation[sea] = 0

    relic = power_law_field(rng, shape, slope=3.5, outer_px=120, inner_px=3)
    cover = np.full(shape, CROP, np.uint8)
    cover[relic < -0.75] = GRASS
    cover[relic + 0.9 * mountain > 0.62] = FOREST
    cover[elevation + 180 * relic > 1050] = GRASS
    cover[elevation + 150 * relic > 1350] = ROCK
    vigour = power_law_field(rng, shape, slope=2.6, outer_px=60)
    vigour *= 0.15
    vigour += np.where(cover == CROP, _farmland(rng, region, relic), np.float32(0.4) * relic)
    _paint_towns(rng, cover, vigour, elevation)
    cover[(valley > 2.4) & (relic < 1)] = WATER
    cover[_rivers(rng, shape, mountain)] = WATER
    cover[sea] = SEA
    return Landscape(elevation, cover, vigour, place_seed)


def ndvi_of(place: Landscape, date: datetime.date, latitude: float) -> Field:
    """NDVI of the 16-day period that holds a date.

    Args:
        place: where.
        date: when; every date of a period gives the same.
        latitude: degrees north; it sets the season.

    Returns:
        (4 size, 4 size) float32, -0.2..0.95; about -0.1 on water and 0.05 on snow.
    """
    season = season_of(period_start(date) + datetime.timedelta(days=8), latitude, peak_day=190)
    growth = 0.5 + 0.5 * season
    ndvi = np.take(_NDVI_LOW + growth * _NDVI_GROWTH, place.cover)
    ndvi += place.vigour * np.take(_NDVI_TEXTURE * np.float32(0.45 + 0.55 * growth), place.cover)
    ndvi -= np.where(place.cover >= CROP, np.float32(0.00008), np.float32(0)) * place.elevation
    ndvi[snow_on(place, season, latitude)] = 0.05
    return np.clip(ndvi, -0.2, 0.95, out=ndvi)


def season_of(date: datetime.date, latitude: float, peak_day: int = 200) -> float:
    """-1 in the coldest part of the year to 1 in the warmest; half a year later in the south."""
    phase = 2 * np.pi * (date.timetuple().tm_yday - peak_day) / 365.25
    return float(np.cos(phase) * (1 if latitude >= 0 else -1))


def snow_on(place: Landscape, season: float, latitude: float) -> NDArray[np.bool_]:
    """Where snow lies: on land above a snow line that falls with latitude and winter; as ``cover``, bool."""
    line = 4700 - 60 * abs(latitude) + 1000 * season
    return (place.elevation + 60 * place.vigour > line) & (place.cover >= CROP)


def _farmland(rng: np.random.Generator, warp_x: Field, warp_y: Field) -> Field:
    """Fields within estates: a rotated, bent grid whose cells each have one value."""
    height, width = warp_x.shape
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
    angle = rng.uniform(0.2, 1.2)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    result = np.zeros((height, width), np.float32)
    for along, across, weight in ((60, 40, 0.9), (16, 10, 0.2)):
        u = (c * x + s * y + 30 * warp_x + 2 * warp_y) * np.float32(1 / along)
        v = (c * y - s * x + 30 * warp_x - 2 * warp_y) * np.float32(1 / across)
        table = rng.standard_normal(4096, dtype=np.float32) * np.float32(weight)
        cell = np.floor(u).astype(np.int32) * 1223 + np.floor(v).astype(np.int32) * 1667
        result += np.take(table, cell & 4095)
    return result


def _rivers(rng: np.random.Generator, shape: tuple[int, int], mountain: Field) -> NDArray[np.bool_]:
    """Level lines of a smooth field, of a width in pixels that changes on the way; none in the mountains."""
    level = power_law_field(rng, shape, slope=4.8, outer_px=500, inner_px=4)
    dy, dx = np.empty_like(level), np.empty_like(level)
    dy[1:-1] = (level[2:] - level[:-2]) / 2
    dx[:, 1:-1] = (level[:, 2:] - level[:, :-2]) / 2
    dy[[0, -1]], dx[:, [0, -1]] = dy[[1, -2]], dx[:, [1, -2]]
    half_width = 0.9 * np.exp(0.5 * np.roll(level, (shape[0] // 3, shape[1] // 5), (0, 1))) * (1 - mountain)
    result: NDArray[np.bool_] = level * level < half_width * half_width * (dx * dx + dy * dy)
    return result


def _paint_towns(rng: np.random.Generator, cover: NDArray[np.uint8], vigour: Field, elevation: Field) -> None:
    """Towns from a village to a city, in place: about one per 350 km2, none above 1100 m."""
    height, width = cover.shape
    count = max(1, round(height * width * (FINE_PIXEL_M / 1000) ** 2 / 350))
    rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
    radii = np.minimum(1.5 * rng.pareto(1.5, count) + 1.5, 45)
    for row, column, radius in zip(rows.tolist(), columns.tolist(), radii.tolist(), strict=True):
        if elevation[row, column] > 1100:
            continue
        reach = int(radius * 1.8) + 1
        window = np.s_[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
        y = np.arange(window[0].start, min(window[0].stop, height), dtype=np.float32)[:, None] - row
        x = np.arange(window[1].start, min(window[1].stop, width), dtype=np.float32)[None] - column
        distance = np.sqrt(y * y + x * x) / np.float32(radius)
        inside = distance < 1 + 0.5 * vigour[window]
        cover[window][inside] = TOWN
        vigour[window][inside] = np.minimum(vigour[window][inside], 0.8) * 0.5 - 1.2 + distance[inside]


def relief_slopes(elevation: Field) -> tuple[Field, Field]:
    """Rise per metre towards the east and towards the north.

    Args:
        elevation: (H, W) metres.

    Returns:
        Two (H, W) float32.
    """
    kernel = np.array([0.5, 0, -0.5], np.float32) / np.float32(FINE_PIXEL_M)
    east = scipy.ndimage.convolve1d(elevation, kernel, axis=1, mode="nearest")
    north = scipy.ndimage.convolve1d(elevation, -kernel, axis=0, mode="nearest")
    return east, north
