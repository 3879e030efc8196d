"""One overpass and day in one file: what is listed in a folder and read from it."""

import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from lstsr_jax.geo.free_names import said_by
from lstsr_jax.geo.granule import read_lst
from lstsr_jax.geo.names import HDF_SUFFIXES, NETCDF_SUFFIXES
from lstsr_jax.geo.products import Overpass
from lstsr_jax.geo.quality import DEFAULT_POLICY, QualityPolicy
from lstsr_jax.geo.scene import Scene


class _FileAndOverpass(NamedTuple):
    path: Path
    overpass: Overpass


class LstLayer(_FileAndOverpass):
    """One overpass and day in one file: the pair of path and overpass that ``read_lst`` takes, with what else it needs.

    Attributes:
        path: the file.
        overpass: "day" or "night".
        date: of a file that holds several days, or whose day the user says; else None.
        product: as the user says it; else None.
    """

    date: datetime.date | None
    product: str | None

    def __new__(
        cls, path: Path, overpass: Overpass, date: datetime.date | None = None, product: str | None = None
    ) -> Self:
        """A layer; see the attributes."""
        layer = super().__new__(cls, path, overpass)
        layer.date, layer.product = date, product
        return layer

    def __getnewargs__(self) -> tuple[Any, ...]:
        """For copies and pickles."""
        return (*self, self.date, self.product)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same layer; a pair of path and overpass is one without date and product."""
        rest = getattr(other, "date", None), getattr(other, "product", None)
        return tuple.__eq__(self, other) is True and rest == (self.date, self.product)

    def __ne__(self, other: object) -> bool:
        """The opposite."""
        return not self == other

    __hash__ = tuple.__hash__

    def read(self, policy: QualityPolicy = DEFAULT_POLICY) -> Scene:
        """``read_lst`` of it."""
        return read_lst(self.path, self.overpass, policy, date=self.date, product=self.product)

    @property
    def granule(self) -> str | None:
        """The granule's id, as its scene has it; None where only the content says it."""
        said = said_by(self.path)
        if self.path.suffix.lower() in NETCDF_SUFFIXES:
            return None if self.date is None else f"{self.path.stem}_A{self.date:%Y%j}"
        if self.path.suffix.lower() in HDF_SUFFIXES and said.tile is None:
            return None
        return said.granule

    def says(self, key: Literal["date", "product"]) -> Any:
        """What is said of its day or product, by name or user; None where only the content says it."""
        given = getattr(self, key)
        return getattr(said_by(self.path), key) if given is None and self.granule is not None else given
