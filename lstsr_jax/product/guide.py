"""Guides for a scene: NDVI of its period and tile, and elevation, brought to its fine grid."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from lstsr_jax.errors import InputError
from lstsr_jax.geo import (
    NDVI_PRODUCTS,
    GranuleError,
    Grid,
    Guide,
    NdviLibrary,
    Scene,
    read_elevation,
    read_guide,
)
from lstsr_jax.predictor.guides import CHANNELS

GIVE = {
    "ndvi": "a MOD13Q1 or MOD13A2 file or a directory of them",
    "elevation": "a DEM as GeoTIFF, in metres",
}
"""What to give as each guide."""
_FINER = {"ndvi": "give MOD13Q1 (250 m)", "elevation": "give a DEM of 250 m or finer"}
_COVERED = 0.99
"""Share of the observed pixels that elevation covers where nothing is said about it."""


class Placed(Protocol):
    """What has a tile and a date: a scene, or a granule's name."""

    @property
    def tile(self) -> str:
        """Such as "h18v04"."""

    @property
    def date(self) -> datetime.date:
        """Day of acquisition."""


def find_guides(guides: Mapping[str, Path], scene: Placed) -> dict[str, Path]:
    """The file of each guide for a scene: what was given, or, of a directory of NDVI, the one of its tile and period.

    Raises:
        InputError: if there is none.
    """
    return {name: _find_ndvi(path, scene) if name == "ndvi" else path for name, path in guides.items()}


def _find_ndvi(path: Path, scene: Placed) -> Path:
    if not path.is_dir():
        return path
    try:
        library = NdviLibrary(path, sorted(NDVI_PRODUCTS, key=lambda name: -NDVI_PRODUCTS[name].pixels))
    except GranuleError as error:
        raise InputError(f"`ndvi` {error}") from error
    found = library.path_for(scene.tile, scene.date)
    if found is None:
        raise InputError(f"`ndvi` {path}: no NDVI of {scene.tile} near {scene.date}; fetch MOD13Q1 or MOD13A2")
    return found


def read_guides(guides: Mapping[str, Path], scene: Scene, factor: int) -> dict[str, Guide]:
    """Guides on the fine grid of a scene.

    Args:
        guides: a file for each, or a directory of NDVI.
        scene: whose place, tile and date count.
        factor: fine = coarse x factor.

    Raises:
        InputError: if there is no such file, it is something else, or holds nothing over the scene.
    """
    fine = Grid((scene.lst.shape[0], scene.lst.shape[1]), scene.transform, scene.crs).refine(factor)
    found = {}
    for name, path in find_guides(guides, scene).items():
        found[name] = read_elevation(path, fine) if name == "elevation" else read_guide(path, fine, near=scene.date)
        if np.isnan(found[name].values).all():
            raise InputError(_nothing(name, found[name], scene))
    return found


def _nothing(name: str, guide: Guide, scene: Scene) -> str:
    head, place = f"`{name}` {guide.path}: holds nothing over {scene.granule}", f"of tile {scene.tile}"
    if name == "ndvi":
        return f"{head}; give the NDVI {place}"
    why = "only gaps lie there" if guide.overlaps else "it lies elsewhere"
    return f"{head}: {why}; give a DEM {place}"


def warnings_of(guides: Mapping[str, Guide], source: Scene, wanted: tuple[slice, slice], factor: int) -> list[str]:
    """One line for each guide that is no finer than the LST, and for elevation that covers a part of it only.

    Args:
        guides: as read.
        source: the scene that is mapped.
        wanted: where it lies in the guides.
        factor: fine = coarse x factor.
    """
    lines = [coarseness_warning(name, guide, factor) for name, guide in guides.items()]
    if "elevation" in guides:
        observed = np.isfinite(source.lst).repeat(factor, 0).repeat(factor, 1)
        known = np.isfinite(guides["elevation"].values[wanted])
        share = known[observed].mean() if observed.any() else 1.0
        if share < _COVERED:
            covers = f"covers {share:.0%} of what is observed; the rest is mapped without it"
            lines.append(f"`elevation` {guides['elevation'].path.name}: {covers}")
    return [line for line in lines if line]


def coarseness_warning(name: str, guide: Guide, factor: int) -> str:
    """One line if the pixels of a guide are no finer than the LST's, ``factor`` fine ones; else nothing."""
    if guide.pixel < 0.75 * factor:
        return ""
    return f"`{name}` {guide.path.name}: no finer than the LST, nothing in it sharpens the map; {_FINER[name]}"


def missing_line(name: str, taken: tuple[str, ...], given: Mapping[str, Path]) -> str:
    """One line if a network takes guides that are not given; else nothing.

    Args:
        name: of the network.
        taken: the guides that it takes.
        given: those that there are.
    """
    missing = [guide for guide in taken if guide not in given]
    if not missing:
        return ""
    texts = " and ".join(CHANNELS[guide].text for guide in missing)
    rest = " and ".join(["LST", *(CHANNELS[guide].text for guide in taken if guide in given)])
    them = "it is" if len(missing) == 1 else "they are"
    remedy = "; ".join(f"`{guide}` takes {GIVE[guide]}" for guide in missing)
    return f"{name} is guided by {texts}; {them} not given, so maps are made from {rest} alone ({remedy})"
