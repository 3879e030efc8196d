"""LST of one overpass as every reader gives it."""

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo.products import PRODUCTS, Overpass
from lstsr_jax.geo.quality import SCHEMES, QualityPolicy, QualityScheme, accept


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """LST of one overpass over one tile, or over a window of the grid.

    Attributes:
        lst: (H, W) float32, kelvin; NaN where nothing was observed or the quality policy refused it.
        quality: (H, W), the product's quality codes in their own type; None when the file has none.
        transform: (column, row) to metres of ``crs``.
        crs: coordinate reference system.
        date: day of acquisition; for a mean of eight days the first of them.
        tile: such as "h18v04"; "h28v11-h31v12" for a window across tiles.
        overpass: "day" or "night".
        product: such as "MOD11A1", a key of ``PRODUCTS``.
        granule: the granule's id; of a file that is no granule, its name without the layer's.
        path: the file it was read from.
        view_time: (H, W) float32, local solar time of the observation in hours, 0 to 24; NaN where the file does not
            say it. None when the file has no such layer. UTC is that minus longitude / 15, on ``date``, modulo 24.
        view_angle: (H, W) float32, view zenith angle in degrees, negative seen from the east; NaN and None likewise.
        quality_known: False when no quality layer exists: every value present is then taken as clear.
    """

    lst: NDArray[np.float32]
    quality: NDArray[Any] | None
    transform: Affine
    crs: CRS
    date: datetime.date
    tile: str
    overpass: Overpass
    product: str
    granule: str
    path: Path
    view_time: NDArray[np.float32] | None = None
    view_angle: NDArray[np.float32] | None = None

    @property
    def quality_known(self) -> bool:
        """Whether a quality layer was there to apply."""
        return self.quality is not None

    @property
    def note(self) -> str:
        """One phrase on where the mask comes from."""
        return "quality layer applied" if self.quality_known else "no quality layer: all-clear assumed"

    @property
    def scheme(self) -> QualityScheme:
        """How its quality codes are written."""
        return SCHEMES[PRODUCTS[self.product].quality]

    @property
    def period_days(self) -> int:
        """1 for the LST of a day, 8 for a mean of eight days."""
        return PRODUCTS[self.product].period_days

    @property
    def end(self) -> datetime.date:
        """The day after the last one."""
        return period_end(self.date, self.period_days)


def period_end(first: datetime.date, days: int) -> datetime.date:
    """The day after a period. Periods of eight days begin anew each year, so the last of a year is shorter."""
    end = first + datetime.timedelta(days=days)
    return end if days == 1 else min(end, datetime.date(first.year + 1, 1, 1))


def observed(
    lst: NDArray[np.float32], quality: NDArray[Any] | None, policy: QualityPolicy, product: str
) -> NDArray[np.float32]:
    """LST with NaN where the policy refuses the quality; changed in place."""
    if quality is not None:
        kept = accept(quality, policy, SCHEMES[PRODUCTS[product].quality])
        np.copyto(lst, np.nan, where=np.logical_not(kept, out=kept))
    return lst
