"""What a user asks of products, the same for every granule of a run: three parts that check themselves.

Messages name a setting in backticks, such as `bbox`; the command line shows it as the flag ``--bbox``.
"""

import dataclasses
import datetime
from pathlib import Path
from typing import Any, Literal

from rasterio.crs import CRS
from rasterio.errors import CRSError

from lstsr_jax.config import require_choices
from lstsr_jax.errors import InputError
from lstsr_jax.geo import PRODUCTS, QualityPolicy
from lstsr_jax.scene.tiling import Tiling


@dataclasses.dataclass(frozen=True)
class Selection:
    """Which observations: of which granules, where, and how good."""

    overpass: Literal["day", "night", "both"] = "both"
    """Which overpass; of a GeoTIFF whose name does not say it, the one it holds."""
    date: str | None = None
    """Only LST of this day; of a file that does not say its day, that it is this one."""
    product: str | None = None
    """Only LST of this product, such as VNP21A1D; of a file that does not say it, that it is this one."""
    bbox: tuple[float, float, float, float] | None = None
    """Degrees: only the pixels around this box, with `crs` only those in it. W > E crosses the 180th meridian."""
    window: tuple[int, int, int, int] | None = None
    """1 km pixels: only these, counted from the upper left."""
    max_lst_error_k: Literal[1, 2, 3] | None = 3
    """Leave out pixels whose QC layer states a larger error (TES classes of 1, 1.5 and 2 K: docs/products.md), and with
    TES those in or beside cloud; None keeps all that were produced."""
    verify: bool = False
    """Read every granule once more and compare it with the checksum in the manifest.csv beside it; sizes always are."""

    def __post_init__(self) -> None:
        """Refuse what selects nothing.

        Raises:
            InputError: naming the setting and the remedy.
        """
        require_choices(self)
        self.day()
        if self.product is not None and self.product not in PRODUCTS:
            raise InputError(f"`product` {self.product}: unknown; choose one of {', '.join(PRODUCTS)}")
        if self.bbox and self.window:
            raise InputError("`window`: give either `window` or `bbox`")
        if self.bbox:
            west, south, east, north = self.bbox
            placed = -180 <= west <= 360 and -180 <= east <= 360 and -90 <= south < north <= 90
            if not placed or not (west < east <= west + 360 or (west > east and (east - west) % 360 < 180)):
                raise InputError(
                    f"`bbox` {west} {south} {east} {north}: give W S E N in degrees, S < N and W < E; "
                    "W > E only for a box of less than 180 degrees across the 180th meridian"
                )
        if self.window and (min(self.window[:2]) < 0 or min(self.window[2:]) < 1):
            raise InputError(
                f"`window` {' '.join(map(str, self.window))}: give ROW COLUMN HEIGHT WIDTH, size at least 1"
            )

    def day(self) -> datetime.date | None:
        """The date, if one was asked for.

        Raises:
            InputError: if it is none.
        """
        if self.date is None:
            return None
        try:
            return datetime.date.fromisoformat(self.date)
        except ValueError:
            raise InputError(f"`date` {self.date}: no date; write it like 2020-07-01") from None

    def policy(self) -> QualityPolicy:
        """Which observations are used."""
        return QualityPolicy(max_lst_error_k=self.max_lst_error_k)


@dataclasses.dataclass(frozen=True)
class Inference:
    """How the method is run."""

    spread: bool = False
    """Average the network over its training's flips and rotations; a second band: standard deviation over all 8."""
    conserve_energy: bool | None = None
    """Correct the map so that pooling it (norm-L4) gives back the source; None: as the method says."""
    tile: int = Tiling.tile
    """Side of a tile in 1 km pixels."""
    overlap: int = Tiling.overlap
    """1 km pixels that neighbouring tiles share."""
    batch: int | None = Tiling.batch
    """Tiles per call of the network; None for 2 on a CPU and 16 elsewhere."""
    jobs: int = 1
    """Layers computed at once, by methods without a network; each takes its memory. Files are read and written
    meanwhile anyway."""
    neighbours: bool = True
    """See across the border of a tile into the granules of neighbouring tiles of the same product, date and overpass,
    where they are given too: their maps join without a seam."""

    def __post_init__(self) -> None:
        """Refuse what cannot be tiled, or shared out.

        Raises:
            InputError: naming the settings and the remedy.
        """
        try:
            self.tiling()
        except ValueError as error:
            raise InputError(f"`tile`, `overlap`, `batch`: {error}") from None
        if self.jobs < 1:
            raise InputError(f"`jobs` {self.jobs}: give at least 1")

    def tiling(self) -> Tiling:
        """How scenes are cut."""
        return Tiling(self.tile, self.overlap, self.batch)


@dataclasses.dataclass(frozen=True)
class Output:
    """What is written, where and in which form."""

    output_dir: Path = Path("predictions")
    """Receives <granule>_LST_Day_250m.tif, <granule>_QC_Day_250m.tif and <granule>_LST_Day_250m.png."""
    format: Literal["cog", "netcdf", "zarr"] = "cog"
    """cog: cloud-optimised GeoTIFF. netcdf, zarr: after the CF conventions (need the extra netcdf)."""
    packed: bool = False
    """Write uint16 in steps of 0.02 K, 0 for no observation, as the product does, in place of float32 kelvin."""
    crs: str | None = None
    """Warp to this coordinate reference system, such as EPSG:32632; default the grid of the source, refined."""
    resolution: float | None = None
    """Pixel size in the units of `crs`, degrees or metres; default that of the fine grid, to two digits."""
    quick_look: bool = True
    """Draw a PNG beside each output."""
    stac: bool = False
    """Write a STAC item beside each output, finished ones too: <granule>_LST_Day_250m.json."""
    vrt: bool = False
    """Join the maps of each product, date and overpass in a GDAL virtual raster: MOD11A1.A2020183_LST_Day_250m.vrt."""
    overwrite: bool = False
    """Redo finished outputs."""

    def __post_init__(self) -> None:
        """Refuse what cannot be written.

        Raises:
            InputError: naming the setting and the remedy.
        """
        require_choices(self)
        if self.vrt and self.format != "cog":
            raise InputError(f"`vrt`: joins maps of `format` cog, not {self.format}; leave one of them out")
        if self.resolution is not None and (self.crs is None or not self.resolution > 0):
            raise InputError(f"`resolution` {self.resolution}: give a positive number together with `crs`")
        if self.crs is not None:
            self.target_crs()

    def target_crs(self) -> CRS:
        """The system named by ``crs``.

        Raises:
            InputError: if there is none.
        """
        try:
            return CRS.from_user_input(self.crs)
        except CRSError:
            raise InputError(f"`crs` {self.crs}: unknown; write it like EPSG:32632 or as PROJ or WKT") from None


def settings_of(**options: Any) -> tuple[Selection, Inference, Output]:
    """The three parts from settings by name, such as ``overpass="day", spread=True, output_dir=Path("maps")``.

    Raises:
        InputError: if a value cannot be used, or they do not go together.
        TypeError: if a name is unknown.
    """
    kinds = (Selection, Inference, Output)
    names = [{field.name for field in dataclasses.fields(kind)} for kind in kinds]
    unknown = sorted(set(options).difference(*names))
    if unknown:
        raise TypeError(f"no setting of a product: {', '.join(unknown)}")
    selection, inference, output = (
        kind(**{name: options[name] for name in options if name in own}) for kind, own in zip(kinds, names, strict=True)
    )
    require_fit(inference, output)
    return selection, inference, output


def require_fit(inference: Inference, output: Output) -> None:
    """Refuse parts that do not go together.

    Raises:
        InputError: naming the settings and the remedy.
    """
    if output.packed and inference.spread:
        raise InputError("`packed`: has no room for the spread; leave one of `packed` and `spread` out")
