"""A simulated day over a simulated place: the clear-sky surface temperature at 250 m, day and night."""

import dataclasses
import datetime

import numpy as np
import scipy.ndimage

from lstsr_jax.geo.simulate.fields import Field, power_law_field
from lstsr_jax.geo.simulate.landscape import (
    N_COVERS,
    SEA,
    TOWN,
    WATER,
    Landscape,
    relief_slopes,
    season_of,
    snow_on,
)


@dataclasses.dataclass(frozen=True)
class Weather:
    """What one date brings; kelvin, and unitless strengths around 1.

    Attributes:
        day_k: mean temperature of the land at sea level by day.
        night_k: the same by night.
        water_k: temperature of open water.
        sun: sine of the sun's elevation at the morning overpass.
        season: -1 in winter to 1 in summer.
        contrast: how strongly dry and bare ground heats up: calm and dry is above 1.
        east_k: change of the air mass across the tile towards the east.
        south_k: the same towards the south.
        lapse_k_per_km: cooling with height by day.
        inversion_k: depth of the cold pools in valleys by night.
        snow_season: the season as snow feels it, a month late.
    """

    day_k: float
    night_k: float
    water_k: float
    sun: float
    season: float
    contrast: float
    east_k: float
    south_k: float
    lapse_k_per_km: float
    inversion_k: float
    snow_season: float


def draw_weather(rng: np.random.Generator, date: datetime.date, latitude: float) -> Weather:
    """Draw a day's weather for a season and a latitude in degrees north."""
    season = season_of(date, latitude)
    poleward = np.sin(np.radians(abs(latitude)))
    declination = np.radians(23.44) * season_of(date, 1.0, peak_day=172)
    hour_angle, phi = np.radians(-20.0), np.radians(latitude)  # about 10:40 local solar time
    sun = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    sun = float(max(sun, 0.05))
    mean = 306 - 30 * poleward**2 + 19 * poleward * season + 2.5 * rng.standard_normal()
    air = mean - 2 * season - 5
    return Weather(
        day_k=float(mean),
        night_k=float(air - 5 - 5 * sun + rng.standard_normal()),
        water_k=float(max(0.55 * mean + 0.45 * (299 - 30 * poleward**2), 271.5)),
        sun=sun,
        season=season,
        contrast=float(rng.uniform(0.75, 1.3)),
        east_k=float(2 * rng.standard_normal()),
        south_k=float(2 * rng.standard_normal() + 2 * np.sign(latitude)),
        lapse_k_per_km=float(rng.uniform(4.5, 6.0)),
        inversion_k=float(rng.uniform(0.4, 1.3)),
        snow_season=season_of(date, latitude, peak_day=230),
    )


def surface_temperature(
    rng: np.random.Generator, place: Landscape, ndvi: Field, weather: Weather, latitude: float
) -> tuple[Field, Field]:
    """Clear-sky surface temperature of a place on a day.

    By day greenness cools, slopes that face the morning sun and bare ground heat up, towns are hot and water
    is cool; by night water and towns are warm, valleys fill with cold air and contrasts are weaker.

    Args:
        rng: source of soil moisture and air mass.
        place: the place.
        ndvi: its greenness, (4 size, 4 size).
        weather: the day.
        latitude: degrees north.

    Returns:
        (day, night), each (4 size, 4 size) float32 kelvin.
    """
    shape = place.cover.shape
    kelvin_per_metre = weather.lapse_k_per_km / 1000
    dry = power_law_field(rng, shape, slope=3.6, outer_px=200, inner_px=6)
    air = _air_mass(rng, shape, weather)
    snow = snow_on(place, weather.snow_season, latitude)

    # By day: sensible heating of what is not green, in proportion to the sun.
    heat = np.float32(13 * weather.contrast * weather.sun**1.5) * (np.float32(0.55) - ndvi)
    heat *= 1 + 0.2 * dry
    heat += np.float32(0.4 * weather.contrast) * dry
    heat += np.take(_by_cover(weather.contrast * (0.6 + 1.6 * weather.sun), {TOWN: 1.0}), place.cover)
    heat[snow] = -1.5
    east, north = relief_slopes(place.elevation)
    towards = np.cos(np.arcsin(weather.sun))  # horizontal part of the sun's direction, from the south-east
    azimuth = np.radians(145 if latitude >= 0 else 35)
    heat -= np.float32(6 * towards * np.sin(azimuth)) * east
    heat -= np.float32(6 * towards * np.cos(azimuth)) * north
    del east, north
    day = air + heat
    day += np.float32(weather.day_k)
    day -= np.float32(kelvin_per_metre) * place.elevation

    # By night: stored heat, drainage of cold air below the smoothed relief, radiation from dry ground.
    night = _above_surroundings(place.elevation)
    np.clip(night, -250, 150, out=night)
    night *= np.float32(weather.inversion_k / 100)
    night -= np.float32(0.6 * kelvin_per_metre) * place.elevation
    night += air
    night += np.float32(weather.night_k)
    night += np.float32(2.2) * (ndvi - np.float32(0.4)) - np.float32(0.35) * dry
    night += np.take(_by_cover(2.2, {TOWN: 1.0}), place.cover)
    night[snow] -= 1.5

    # Land covers store and lose heat: part of the day's contrast stays in the night.
    night += np.float32(0.07) * np.clip(heat, -6, 8)
    water = (place.cover == SEA) | (place.cover == WATER)
    lake = np.float32(weather.water_k) + np.float32(0.3) * air[water]
    lake -= np.float32(0.6 * kelvin_per_metre) * place.elevation[water]
    day[water] = lake
    night[water] = lake + np.float32(0.5 * (weather.night_k - weather.water_k))
    return day, night


def _by_cover(strength: float, kelvin: dict[int, float]) -> Field:
    table = np.zeros(N_COVERS, np.float32)
    for cover, value in kelvin.items():
        table[cover] = strength * value
    return table


def _air_mass(rng: np.random.Generator, shape: tuple[int, int], weather: Weather) -> Field:
    """A gradient and a few long waves; (H, W) float32 kelvin. One tile is 4800 pixels."""
    y = np.arange(shape[0], dtype=np.float32)[:, None] / np.float32(4800) - np.float32(0.5)
    x = np.arange(shape[1], dtype=np.float32)[None] / np.float32(4800) - np.float32(0.5)
    air = np.float32(weather.east_k) * x + np.float32(weather.south_k) * y
    for wavelength in (0.9, 0.5, 0.28):
        (ky, kx), (py, px) = rng.uniform(0.6, 1.4, 2) / wavelength, rng.uniform(0, 2 * np.pi, 2)
        wave = np.cos(np.float32(2 * np.pi * kx) * x + np.float32(px))
        air += np.float32(wavelength) * np.cos(np.float32(2 * np.pi * ky) * y + np.float32(py)) * wave
    return air


def _above_surroundings(elevation: Field, width: int = 31) -> Field:
    """Elevation less its mean over 7 km: negative in valleys; metres."""
    result: Field = elevation - scipy.ndimage.uniform_filter(elevation, width, mode="nearest")
    return result
