"""TFDS builder: MODIS LST at 1 km, cut into patches with their provenance. It declares; ``lstsr_jax.geo`` decodes."""

import dataclasses
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from lstsr_jax.data.index import CutRule, Layer, PatchIndex, index_granules
from lstsr_jax.data.ndvi import list_ndvi, ndvi_for
from lstsr_jax.data.simulated import write_simulated_granules
from lstsr_jax.geo import GranuleError, NdviLibrary, Scene


@dataclasses.dataclass(eq=False, kw_only=True)
class ModisLstConfig(tfds.core.BuilderConfig):  # type: ignore[misc]
    """One way to build the dataset.

    Attributes:
        granules: directory of granules; None: TFDS's manual directory.
        simulated: build from simulated granules instead.
        ndvi: directory of MOD13A2 granules; examples then have a feature ``ndvi``.
        rule: how scenes are cut and split.
    """

    granules: Path | None = None
    simulated: bool = False
    ndvi: Path | None = None
    rule: CutRule = dataclasses.field(default_factory=CutRule)


class Builder(tfds.core.GeneratorBasedBuilder):  # type: ignore[misc]
    """High-resolution (1 km) LST patches of MODIS and VIIRS, day and night."""

    name = "modis_lst"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Config 'granules': put granules of LST at 1 km (.hdf, .h5, <granule>_LST_Day_1km.tif) in the manual directory."
    )
    BUILDER_CONFIGS: ClassVar = [
        ModisLstConfig(name="simulated", simulated=True, description="Simulated granules of tile h18v04."),
        ModisLstConfig(name="granules", description="Granules in the manual directory."),
    ]

    _index: PatchIndex | None = None

    def _info(self) -> tfds.core.DatasetInfo:
        side = self.builder_config.rule.patch_size
        image = tfds.features.Tensor(shape=(side, side, 1), dtype=np.float32)
        guide = {} if self.builder_config.ndvi is None else {"ndvi": image}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "lst": image,
                    **guide,
                    "granule": tfds.features.Text(doc="granule id"),
                    "product": tfds.features.Text(doc="short name, such as MOD11A1 or VNP21A1D"),
                    "date": tfds.features.Text(doc="acquisition date, YYYY-MM-DD; of a mean of eight days the first"),
                    "tile": tfds.features.Text(doc="tile of the MODIS sinusoidal grid, hHHvVV"),
                    "overpass": tfds.features.Text(doc="day or night"),
                    "row": tfds.features.Scalar(np.int32, doc="first row of the patch in the tile"),
                    "col": tfds.features.Scalar(np.int32, doc="first column of the patch in the tile"),
                    "view_time": tfds.features.Scalar(np.float32, doc="mean local solar hour; NaN if not known"),
                    "view_angle": tfds.features.Scalar(np.float32, doc="mean view zenith angle, degrees; NaN likewise"),
                }
            ),
            metadata=tfds.core.MetadataDict(),
            homepage="https://lpdaac.usgs.gov/products/mod11a1v061/",
            disable_shuffling=False,
        )

    def index(self, manual_dir: Path | None = None) -> PatchIndex:
        """Find the patches, once; simulated granules are written beside the prepared dataset first.

        Raises:
            InputError: if there is nothing to build.
        """
        if self._index is None:
            config = self.builder_config
            if config.simulated:
                directory = write_simulated_granules(Path(self._data_dir_root) / "simulated_granules")
            else:
                directory = Path(config.granules or manual_dir or "")
            index = index_granules(directory, config.rule, config.ndvi)
            if config.simulated:
                index = dataclasses.replace(index, summary={**index.summary, "source": "simulated granules"})
            self._index = index
        return self._index

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[tuple[str, Any]]]:
        config = self.builder_config
        needs_manual = not config.simulated and config.granules is None
        index = self.index(Path(dl_manager.manual_dir) if needs_manual else None)
        self.info.metadata.update(index.summary, built=datetime.datetime.now(datetime.UTC).isoformat("T", "seconds"))
        return {split: self._generate_examples(index.layers, split) for split in index.summary["patches"]}

    def _generate_examples(self, layers: tuple[Layer, ...], split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        rule, ndvi = self.builder_config.rule, self.builder_config.ndvi
        library = None if ndvi is None else list_ndvi(ndvi)
        for layer in layers:
            patches = [patch for patch in layer.patches if patch.split == split]
            if not patches:
                continue
            scene = layer.source.read(rule.policy)
            fields = {"lst": scene.lst}
            if library is not None:
                fields["ndvi"] = _ndvi_or_nan(library, scene)
            for patch in patches:
                window = np.s_[patch.row : patch.row + rule.patch_size, patch.col : patch.col + rule.patch_size]
                yield (
                    f"{scene.granule}_{scene.overpass}_{patch.row:04d}_{patch.col:04d}",
                    {
                        **{name: field[window][..., None] for name, field in fields.items()},
                        "granule": scene.granule,
                        "date": scene.date.isoformat(),
                        "product": scene.product,
                        "tile": patch.tile,
                        "overpass": scene.overpass,
                        "row": patch.tile_row,
                        "col": patch.tile_col,
                        "view_time": _mean_hour(scene.view_time, window),
                        "view_angle": _mean(scene.view_angle, window),
                    },
                )


def _mean(field: np.ndarray | None, window: Any) -> np.float32:
    """Mean of what is known of a field in a window; NaN if nothing is."""
    known = np.empty(0) if field is None else field[window][np.isfinite(field[window])]
    return np.float32(known.mean() if known.size else np.nan)


def _mean_hour(field: np.ndarray | None, window: Any) -> np.float32:
    """The same of hours of the day, of which 23.9 and 0.1 are neighbours."""
    if field is None:
        return np.float32(np.nan)
    turn = np.exp(1j * np.pi / 12 * field[window].astype(np.float64))
    known = turn[np.isfinite(turn)]
    return np.float32(np.angle(known.mean()) * 12 / np.pi % 24 if known.size else np.nan)


def _ndvi_or_nan(library: NdviLibrary, scene: Scene) -> np.ndarray:
    """NDVI of a scene; NaN where its granule is unreadable, which the index has reported."""
    try:
        return ndvi_for(library, scene)
    except GranuleError:
        return np.full(scene.lst.shape, np.nan, np.float32)
