"""Patches cut from rasters of finer LST, as examples beside those of a prepared dataset."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from lstsr_jax.config import DataConfig
from lstsr_jax.data.batches import Example
from lstsr_jax.data.patches import patch_windows
from lstsr_jax.errors import InputError
from lstsr_jax.geo import read_elevation
from lstsr_jax.geo.finer import FineField, find_fields, read_field


@dataclasses.dataclass(frozen=True, eq=False)
class FinePatches:
    """Patches of a folder of finer LST.

    Attributes:
        examples: ``lst`` and, for guided networks, ``ndvi`` (withheld) and ``elevation`` (of ``data.elevation``),
            ``(S, S, 1)``; ``granule``, ``row``, ``col``.
        record: folder, and by file the number of its patches and the side of its pixels in m, for the checkpoints.
        line: what was found, for the user.
    """

    examples: list[Example] = dataclasses.field(default_factory=list)
    record: dict[str, Any] = dataclasses.field(default_factory=dict)
    line: str = ""

    @property
    def max_k(self) -> float:
        """Highest LST of the patches, K; 0 without patches."""
        return max((float(np.nanmax(example["lst"])) for example in self.examples), default=0.0)


def read_fine_patches(data: DataConfig, *, guided: bool) -> FinePatches:
    """Cut the rasters of ``data.fine`` into patches; none if it names no folder.

    Args:
        data: folder, elevation, patch size, stride and smallest share of observed pixels.
        guided: whether the network has guides; these patches are without NDVI.

    Raises:
        InputError: if there is no raster, or no patch in any.
        GranuleError: a raster that cannot be used.
    """
    if data.fine is None:
        return FinePatches()
    files, skipped = find_fields(data.fine)
    examples: list[Example] = []
    fields: dict[str, Any] = {}
    clear = 0
    for path in files:
        field = read_field(path)
        size = data.patch_size
        windows = list(patch_windows(np.isfinite(field.lst), size, data.stride, data.min_valid_fraction))
        seen = _guides(data, field) if guided and windows else {}
        for row, col in windows:
            lst = field.lst[row : row + size, col : col + size, None].copy()
            guides = {name: values[row : row + size, col : col + size, None].copy() for name, values in seen.items()}
            examples.append({"lst": lst, **guides, "granule": field.name, "row": row, "col": col})
        side = "231.656 m, averaged" if field.averaged else "its own pixels"
        fields[str(path.relative_to(data.fine))] = {"patches": len(windows), "pixels": side}
        clear += not field.masked_by
    if not examples:
        raise InputError(
            f"{data.fine}: no window of {size} x {size} pixels of its {len(files)} rasters is observed to "
            f"{data.min_valid_fraction:.0%}; lower `data.patch_size` or `data.min_valid_fraction`"
        )
    line = f"{len(examples)} patches of {size} x {size} from {data.fine}: {len(files)} rasters"
    line += f"; {clear} without a cloud mask, taken as all clear" if clear else ""
    line += f"; {len(skipped)} other GeoTIFFs left aside" if skipped else ""
    return FinePatches(examples, {"directory": data.fine, "fields": fields}, line)


def _guides(data: DataConfig, field: FineField) -> dict[str, np.ndarray]:
    """What there is of each guide on the grid of a raster."""
    nothing = np.full_like(field.lst, np.nan)
    elevation = nothing if data.elevation is None else read_elevation(data.elevation, field.grid).values
    return {"ndvi": nothing, "elevation": elevation}


class Joined(Sequence[Example]):
    """The examples of several sources, one after the other, without copying them."""

    def __init__(self, *sources: Sequence[Example]) -> None:
        """Of these, in this order."""
        self._sources = sources

    def __len__(self) -> int:
        """How many examples."""
        return sum(map(len, self._sources))

    def __getitem__(self, number: Any) -> Any:
        """One example."""
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        number %= len(self)
        for source in self._sources:
            if number < len(source):
                return source[number]
            number -= len(source)
        raise IndexError(number)
