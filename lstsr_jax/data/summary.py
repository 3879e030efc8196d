"""What cutting a directory of granules found: counted scene by scene, kept as the dataset's metadata, and told."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lstsr_jax.data.acquisitions import Acquisitions
from lstsr_jax.data.patches import SPLITS
from lstsr_jax.geo import GranuleError, NdviLibrary, Scene, Skipped

NAMED = 3
"""Files named in a line; the metadata name ``RECORDED``."""
RECORDED = 20


class Summary:
    """What was found so far. It may be pickled.

    Attributes:
        unreadable: files that cannot be read, by name, with the reason.
        dates: of the scenes.
        without_ndvi: dates without NDVI, where that was asked for.
        with_elevation: tiles with elevation, where that was asked for.
        without_elevation: tiles without.
        observed: share of observed pixels of every scene.
        max_k: highest LST by split.
        patches: their number by split.
        dropped: patches that the split rule leaves out.
        periods: lengths of the means in days, 1 for daily LST, with the first scene of each in words.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self.unreadable: dict[str, str] = {}
        self.dates: set[str] = set()
        self.without_ndvi: set[str] = set()
        self.with_elevation: set[str] = set()
        self.without_elevation: set[str] = set()
        self.observed: list[float] = []
        self.max_k: dict[str, float] = {}
        self.patches: Counter[str] = Counter()
        self.dropped = 0
        self.periods: dict[int, str] = {}
        self._assumed_clear = 0
        self._acquisitions = Acquisitions()

    def add_unreadable(self, name: str, error: GranuleError) -> None:
        """Count a file that cannot be read."""
        self.unreadable.setdefault(name, str(error))

    def add_scene(self, scene: Scene, valid: np.ndarray) -> None:
        """Count a scene with its observed pixels."""
        kind = "daily" if scene.period_days == 1 else f"means of {scene.period_days} days"
        self.periods.setdefault(scene.period_days, f"{scene.product} ({kind}, {scene.path.name})")
        self.dates.add(scene.date.isoformat())
        self.observed.append(float(valid.mean()))
        self._assumed_clear += not scene.quality_known
        if "-" not in scene.tile:
            self.add_acquisition(scene, scene.tile)

    def add_elevation(self, scene: Scene, elevation: np.ndarray) -> None:
        """Count the tile of a scene with or without elevation, ``(H, W)`` m, where it is observed."""
        observed = np.isfinite(scene.lst)
        known = bool(np.isfinite(elevation[observed] if observed.any() else elevation).any())
        (self.with_elevation if known else self.without_elevation).add(scene.tile)

    def add_acquisition(self, scene: Scene, tile: str) -> None:
        """Count the day of a scene in one of its tiles."""
        self._acquisitions.add(scene.product, tile, scene.date)

    def add_patch(self, split: str | None, lst: np.ndarray) -> None:
        """Count a patch; the split rule leaves those out whose split is None."""
        if split is None:
            self.dropped += 1
        else:
            self.patches[split] += 1
            self.max_k[split] = max(self.max_k.get(split, 0.0), float(np.nanmax(lst)))

    def merge(self, later: "Summary") -> None:
        """Add what was found in the scenes that come after these."""
        self.unreadable = {**later.unreadable, **self.unreadable}
        self.dates |= later.dates
        self.without_ndvi |= later.without_ndvi
        self.with_elevation |= later.with_elevation
        self.without_elevation |= later.without_elevation
        self.observed += later.observed
        for split, max_k in later.max_k.items():
            self.max_k[split] = max(self.max_k.get(split, 0.0), max_k)
        self.patches += later.patches
        self.dropped += later.dropped
        self.periods = {**later.periods, **self.periods}
        self._assumed_clear += later._assumed_clear
        self._acquisitions.merge(later._acquisitions)

    def values(self) -> dict[str, Any]:
        """What goes into the dataset's metadata."""
        return {
            "patches": {split: self.patches[split] for split in SPLITS if self.patches[split]},
            "dates": len(self.dates),
            "dates_without_ndvi": sorted(self.without_ndvi),
            **(
                {"tiles_without_elevation": missing}
                if (missing := sorted(self.without_elevation - self.with_elevation))
                else {}
            ),
            "unreadable": sorted(self.unreadable),
            "layers_without_quality": self._assumed_clear,
            "dropped_by_split_rule": self.dropped,
            "max_k": {split: self.max_k[split] for split in SPLITS if split in self.max_k},
            "products": self._acquisitions.products,
            "acquisitions": self._acquisitions.to_json(),
        }


def skipped_files(skipped: Sequence[Skipped], library: NdviLibrary | None) -> dict[str, Any]:
    """Files of LST and NDVI that are left aside: how many, and the first with the reason. NDVI beside LST is none."""
    aside = [] if library is None else library.skipped
    known = {path.resolve() for path in ([] if library is None else [*library.paths, *(path for path, _ in aside)])}
    left = [*((path, reason) for path, reason in skipped if Path(path).resolve() not in known), *aside]
    return {"count": len(left), "first": [{"file": path.name, "reason": reason} for path, reason in left[:RECORDED]]}


def describe(summary: dict[str, Any]) -> str:
    """The summary of a build in one line."""
    patches, size = summary["patches"], summary["patch_size"]
    line = (
        f"{sum(patches.values())} patches of {size} x {size} from {summary['source']}: "
        f"{summary['layers']} layers of {summary['dates']} dates "
        f"of {', '.join(summary['products'])} "
        f"({', '.join(f'{split} {count}' for split, count in patches.items())}; split by {summary['split_by']})"
    )
    if summary["dropped_by_split_rule"]:
        line += f"; {summary['dropped_by_split_rule']} left out by the split rule"
    if summary["layers_without_quality"]:
        line += f"; {summary['layers_without_quality']} layers without QC, taken as all clear"
    if summary["dates_without_ndvi"]:
        line += f"; {len(summary['dates_without_ndvi'])} dates without NDVI"
    if tiles := summary.get("tiles_without_elevation"):
        line += f"; no elevation of {', '.join(tiles)}"
    if summary["unreadable"]:
        line += f"; {len(summary['unreadable'])} unreadable: {', '.join(summary['unreadable'])}"
    if skipped := summary["skipped"]["count"]:
        named = [f"{entry['file']} ({entry['reason']})" for entry in summary["skipped"]["first"][:NAMED]]
        more = f" and {skipped - len(named)} more" if skipped > len(named) else ""
        line += f"; {skipped} files skipped: {', '.join(named)}{more}"
    return line
