"""When a scene was observed."""

import dataclasses

import numpy as np

from lstsr_jax.geo import Scene, pixel_lonlat


@dataclasses.dataclass(frozen=True)
class ObservationTime:
    """When the observed pixels of a scene were seen.

    Attributes:
        mean: UTC; 00:00 of the day where the file does not say it.
        first: UTC of the earliest pixel; the start of the day where unknown.
        last: UTC of the latest pixel; the end of the day where unknown.
        local_hour: mean local solar time in hours, 0 to 24; NaN where unknown.
    """

    mean: np.datetime64
    first: np.datetime64
    last: np.datetime64
    local_hour: float

    @property
    def known(self) -> bool:
        """Whether the file says more than the day."""
        return not np.isnan(self.local_hour)


def observation_time(scene: Scene) -> ObservationTime:
    """Find when a scene was observed, from its view time.

    UTC is local solar time minus longitude / 15, modulo 24 hours, of the day in the granule's name, which is one of UTC
    (Collection 6.1 MODIS LST user guide). A scene near the 180th meridian may hold the start and the end of a day.

    A mean of several days has no time of its own: it gets the first day, its period as bounds, and the mean local hour.

    Args:
        scene: on the sinusoidal grid.

    Returns:
        The time to the second; the day if the scene has no view time, or no observation.
    """
    day = np.datetime64(scene.date, "s")
    unknown = ObservationTime(day, day, np.datetime64(scene.end, "s"), float("nan"))
    if scene.view_time is None:
        return unknown
    seen = np.isfinite(scene.lst) & np.isfinite(scene.view_time)
    if not seen.any():
        return unknown
    local = scene.view_time[seen].astype(np.float64)
    turn = np.exp(1j * local * np.pi / 12).mean()  # 23.9 and 0.1 are neighbours
    local_hour = float(np.angle(turn) * 12 / np.pi % 24)
    if scene.period_days > 1:
        return dataclasses.replace(unknown, local_hour=local_hour)
    lon = pixel_lonlat(scene.transform, (scene.lst.shape[0], scene.lst.shape[1]))[0][seen]
    utc = (local - lon / 15) % 24
    mean, first, last = (
        day + np.timedelta64(round(3600 * float(hours)), "s")
        for hours in (np.nanmean(utc), np.nanmin(utc), np.nanmax(utc))
    )
    return ObservationTime(mean, first, last, local_hour)
