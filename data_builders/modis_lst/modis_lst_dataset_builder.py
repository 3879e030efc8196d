"""TFDS builder: MODIS LST at 1 km, cut into patches with their provenance. It declares; ``lstsr_jax.geo`` decodes."""

import dataclasses
import datetime
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import tensorflow_datasets as tfds
from tqdm import tqdm

from data_builders.modis_lst.shards import Cut, Cutter, Shard, features_of, put_in_order, shards_of
from data_builders.processes import in_processes
from lstsr_jax.config import GUIDES
from lstsr_jax.data.batches import SIMULATED
from lstsr_jax.data.index import CutRule, list_granules, require_elevation, require_one_period, require_patches
from lstsr_jax.data.ndvi import list_ndvi
from lstsr_jax.data.simulated import write_simulated_granules
from lstsr_jax.data.summary import Summary, skipped_files
from lstsr_jax.geo import LstLayer


@dataclasses.dataclass(eq=False, kw_only=True)
class ModisLstConfig(tfds.core.BuilderConfig):  # type: ignore[misc]
    """One way to build the dataset.

    Attributes:
        granules: directory of granules; None: TFDS's manual directory.
        simulated: build from simulated granules instead.
        ndvi: directory of MOD13A2 granules; examples then have a feature ``ndvi``.
        elevation: a DEM; examples then have a feature ``elevation``, in metres.
        rule: how scenes are cut and split.
    """

    granules: Path | None = None
    simulated: bool = False
    ndvi: Path | None = None
    elevation: Path | None = None
    rule: CutRule = dataclasses.field(default_factory=CutRule)


class Builder(tfds.core.dataset_builder.FileReaderBuilder):  # type: ignore[misc]
    """High-resolution (1 km) LST patches of MODIS and VIIRS, day and night, in the order of their granules.

    As TFDS's ``ShardBasedBuilder``, but a granule is read once for all splits, which only its content tells.
    ``DownloadConfig`` with ``beam_runner`` and ``beam_options`` cuts the shards on Apache Beam.

    Attributes:
        jobs: processes of this machine that cut shards, where Beam does not.
    """

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
    jobs: int = 1

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        return self.dataset_info_from_configs(
            features=features_of(
                config.rule.patch_size, tuple(name for name in GUIDES if getattr(config, name) is not None)
            ),
            metadata=tfds.core.MetadataDict(),
            homepage="https://lpdaac.usgs.gov/products/mod11a1v061/",
            disable_shuffling=True,
        )

    def _log_download_bytes(self) -> None:
        """In place of TFDS's word of a download of unknown size: nothing is downloaded."""
        print(f"preparing the dataset in {self.data_dir}; later runs find it there", file=sys.stderr)

    def _log_download_done(self) -> None:
        """The dataset's line, which follows, says it."""

    def _download_and_prepare(
        self, dl_manager: tfds.download.DownloadManager, download_config: tfds.download.DownloadConfig | None = None
    ) -> None:
        """Cut all shards and put them in order.

        Raises:
            InputError: if there is nothing to build.
        """
        if self.info.file_format is not tfds.core.FileFormat.ARRAY_RECORD:
            raise ValueError('modis_lst: is written as array_record only; give file_format="array_record"')
        config, rule, engine = self.builder_config, self.builder_config.rule, download_config
        directory = config.granules
        if config.simulated:
            directory = write_simulated_granules(Path(self._data_dir_root) / "simulated_granules")
        elif directory is None:
            directory = Path(dl_manager.manual_dir)
        listing = list_granules(directory)
        library = None if config.ndvi is None else list_ndvi(config.ndvi)
        shards = shards_of(listing.layers)
        if engine is None or engine.beam_runner is None:
            cutter = Cutter(rule, library, config.elevation, Path(self.data_path).absolute() / "shards")
            made = in_processes(cutter, shards, min(self.jobs, len(shards)))
        else:
            from lstsr_jax.beam import on_beam

            # Workers may have another working directory.
            shards = [Shard(number, [_absolute(layer) for layer in layers]) for number, layers in shards]
            library = None if config.ndvi is None else list_ndvi(config.ndvi.absolute())
            elevation = None if config.elevation is None else config.elevation.absolute()
            cutter = Cutter(rule, library, elevation, Path(self.data_path).absolute() / "shards")
            made = on_beam(cutter, shards, cutter.directory, engine.beam_runner, engine.beam_options)
        cuts, summary = _collect(made, shards, rule)
        require_patches(directory, listing.layers, rule, summary)
        require_elevation(directory, config.elevation, summary)
        self.info.set_splits(tfds.core.SplitDict(put_in_order(cuts, cutter, self._get_filename_template)))
        self.info.metadata.update(
            source=SIMULATED if config.simulated else str(directory),
            ndvi=None if config.ndvi is None else str(config.ndvi),
            **({} if config.elevation is None else {"elevation": str(config.elevation)}),
            **dataclasses.asdict(rule),
            layers=len(listing.layers),
            skipped=skipped_files(listing.skipped, library),
            **summary.values(),
            built=datetime.datetime.now(datetime.UTC).isoformat("T", "seconds"),
        )


def _collect(made: Iterable[Cut], shards: Sequence[Shard], rule: CutRule) -> tuple[list[Cut], Summary]:
    """What became of all shards, told as it comes in.

    Raises:
        InputError: the first, in the order of the shards, that makes no dataset of them.
    """
    cuts, summary = list[Cut](), Summary()
    with tqdm(
        total=sum(len(shard.layers) for shard in shards), desc="cutting granules", unit="layer", disable=None
    ) as bar:
        for shard, found in zip(shards, made, strict=True):
            for name, reason in found.summary.unreadable.items():
                if name not in summary.unreadable:
                    tqdm.write(f"skipped: {reason}", file=sys.stderr)
            summary.merge(found.summary)
            require_one_period(summary, rule)
            if found.error is not None:
                raise found.error
            cuts.append(found._replace(summary=Summary()))
            bar.update(len(shard.layers))
    return cuts, summary


def _absolute(layer: LstLayer) -> LstLayer:
    return LstLayer(layer.path.absolute(), layer.overpass, layer.date, layer.product)
