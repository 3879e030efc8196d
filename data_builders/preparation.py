"""The one call that prepares a dataset."""

import contextlib
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from data_builders.modis_lst.modis_lst_dataset_builder import Builder, ModisLstConfig
from lstsr_jax.config import DataConfig
from lstsr_jax.data import PreparedDataset
from lstsr_jax.data.batches import SIMULATED
from lstsr_jax.data.content import Checksums, Sources, digest_of
from lstsr_jax.data.described import lacks_checksums, write_checksums
from lstsr_jax.data.index import CutRule, list_granules
from lstsr_jax.data.ndvi import list_ndvi
from lstsr_jax.data.simulated import write_simulated_granules
from lstsr_jax.data.summary import describe, skipped_files
from lstsr_jax.errors import InputError
from lstsr_jax.files import locked
from lstsr_jax.geo.manifest import check_with_manifest
from lstsr_jax.processors import available_processors

FORMAT = 4
"""Raised when the same files, cut by the same rule, give other patches than before, or another order: all are then
prepared anew."""
LAYERS_PER_JOB = 64
"""With fewer layers another process is not worth its start."""


def prepare(
    config: DataConfig,
    *,
    verify: bool = False,
    jobs: int | None = 1,
    runner: str | None = None,
    beam_options: Sequence[str] = (),
) -> PreparedDataset:
    """Build the dataset that ``config`` describes, unless it is there already, and open it.

    The prepared dataset is found again by the names below their folder and the content of the files it is made of, and
    by the cutting rule: a folder that moves is recognised, a file changed in place is not. Of several processes that
    prepare the same dataset one builds it, and the others wait. Patches are in the order of their granules; neither
    they nor what is recorded of them depends on ``jobs`` or ``runner``.

    Args:
        config: which patches.
        verify: compare every granule, of LST and NDVI, with the checksum in the `manifest.csv` beside it; sizes always
            are, and what has another is left aside.
        jobs: processes of this machine that read granules; None: one per processor, where there is work for them.
        runner: instead, the Apache Beam runner that does (extra ``beam``); its workers share this file system.
        beam_options: for the runner, ``NAME=VALUE`` each.

    Raises:
        InputError: if the configuration names pairs or finer LST alone, if there are no granules, no usable patch in
            them, if they change while they are read, or if one has another checksum.
    """
    if not config.uses_granules:
        raise InputError("`data.granules`: give a folder of LST; pairs and finer LST are trained on as they are")
    engine = _engine(jobs, runner, beam_options)
    rule = CutRule(
        config.split_by,
        config.patch_size,
        config.stride,
        config.min_valid_fraction,
        config.max_lst_error_k,
        config.mix_periods,
    )
    given, ndvi, elevation = (
        None if path is None else Path(path).expanduser() for path in (config.granules, config.ndvi, config.elevation)
    )
    if elevation is not None and not elevation.is_file():
        raise InputError(f"`data.elevation` {elevation}: no such file; give a DEM as GeoTIFF")
    root = Path(config.data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    granules = write_simulated_granules(root / "simulated_granules") if given is None else given
    listing, library = list_granules(granules), None if ndvi is None else list_ndvi(ndvi)
    sources = Sources.of(granules, listing.layers, ndvi, elevation)
    if verify:
        lst = () if given is None else (layer.path for layer in listing.layers)
        for path in dict.fromkeys((*lst, *sources.ndvi_files)):
            check_with_manifest(path, verify=True)
    checksums = Checksums(root / ".lstsr_jax_checksums.json")
    contents = sources.contents(checksums)
    builder_config = ModisLstConfig(
        name=f"{'simulated' if given is None else 'granules'}-{rule.split_by}-{digest_of(contents, _identity(rule))}",
        granules=granules,
        simulated=given is None,
        ndvi=ndvi,
        elevation=elevation,
        rule=rule,
    )
    with _without_warnings():
        builder = Builder(data_dir=str(root), config=builder_config, file_format="array_record")
        builder.jobs = jobs or max(1, min(available_processors(), len(listing.layers) // LAYERS_PER_JOB))
        directory = Path(builder.data_dir)
        if not builder.is_prepared() or lacks_checksums(directory):
            with locked(root / Builder.name / f".{builder_config.name}.lock", f"preparing {directory}"):
                if not builder.is_prepared():
                    _build(builder, engine, directory, checksums)
                if lacks_checksums(directory):
                    write_checksums(directory)
        dataset = PreparedDataset(directory)
    # Where the files are now, and what lies beside them now.
    source = SIMULATED if given is None else str(granules)
    dataset.metadata.update(source=source, ndvi=None if ndvi is None else str(ndvi))
    dataset.metadata.update({} if elevation is None else {"elevation": str(elevation)})
    dataset.metadata.update(skipped=skipped_files(listing.skipped, library))
    print(f"dataset: {describe(dataset.metadata)}", file=sys.stderr)
    return dataset


def _identity(rule: CutRule) -> dict[str, Any]:
    """What beside the files decides the patches.

    A new option of the rule is added only where it is not its default, so that what is prepared stays valid.
    """
    return {
        "format": FORMAT,
        "split_by": rule.split_by,
        "patch_size": rule.patch_size,
        "stride": rule.stride,
        "min_valid_fraction": float(rule.min_valid_fraction),
        "max_lst_error_k": rule.max_lst_error_k,
        **({"mix_periods": True} if rule.mix_periods else {}),
    }


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Without what TFDS warns of: a configuration not among its builder's own, a folder that is yet to be filled."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _engine(jobs: int | None, runner: str | None, beam_options: Sequence[str]) -> tfds.download.DownloadConfig:
    """What builds, as TFDS takes it.

    Raises:
        InputError: if there is no such thing.
    """
    if jobs is not None and jobs < 1:
        raise InputError(f"`jobs` {jobs}: must be positive")
    if runner is None:
        if beam_options:
            raise InputError("`beam_options`: are for Apache Beam; give `runner`")
        return tfds.download.DownloadConfig()
    if jobs is not None and jobs > 1:
        raise InputError(f"`jobs` {jobs}: the `runner` decides how many; give `beam_options`, or no `runner`")
    from lstsr_jax.beam import pipeline_options

    return tfds.download.DownloadConfig(beam_runner=runner, beam_options=pipeline_options(runner, beam_options))


def _build(builder: Builder, engine: tfds.download.DownloadConfig, directory: Path, checksums: Checksums) -> None:
    """Build the dataset into ``directory``; the lock is held."""
    for left_over in directory.parent.glob("incomplete.*"):  # of a process that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    with contextlib.redirect_stdout(sys.stderr):  # stdout is for results
        builder.download_and_prepare(download_config=engine)
    if changed := checksums.changed():
        shutil.rmtree(directory)
        raise InputError(f"{changed[0]}: changed while the dataset was prepared; run again when it is complete")
