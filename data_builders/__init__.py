"""TFDS builders of the project and the one call that prepares a dataset."""

import contextlib
import hashlib
import json
import re
import sys
from pathlib import Path

import tensorflow_datasets as tfds

from data_builders.modis_lst.modis_lst_dataset_builder import Builder, ModisLstConfig
from lstsr_jax.config import DataConfig
from lstsr_jax.data import PreparedDataset
from lstsr_jax.data.index import CutRule, describe
from lstsr_jax.errors import InputError


def prepare(config: DataConfig) -> PreparedDataset:
    """Build the dataset that ``config`` describes, unless it is there already, and open it.

    The prepared dataset is found again by a digest of the granules' names and sizes and of the cutting rule.

    Raises:
        InputError: if there are no granules or no usable patch in them.
    """
    rule = CutRule(config.split_by, config.patch_size, config.stride, config.min_valid_fraction, config.max_lst_error_k)
    granules, ndvi = (None if given is None else Path(given).expanduser() for given in (config.granules, config.ndvi))
    builder_config = ModisLstConfig(
        name=_config_name(granules, ndvi, rule), granules=granules, simulated=granules is None, ndvi=ndvi, rule=rule
    )
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    builder = Builder(data_dir=config.data_dir, config=builder_config, file_format="array_record")
    if not builder.is_prepared():
        builder.index()  # before TFDS creates anything
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for results
            builder.download_and_prepare()
    dataset = PreparedDataset(builder.data_dir)
    print(f"dataset: {describe(dataset.metadata)}", file=sys.stderr)
    return dataset


def _config_name(granules: Path | None, ndvi: Path | None, rule: CutRule) -> str:
    """A readable name that changes with the files and with the rule."""
    stem = "simulated" if granules is None else re.sub(r"[^A-Za-z0-9]+", "_", granules.resolve().name)
    files = [_listing("--granules", granules), _listing("--ndvi", ndvi)]
    digest = hashlib.sha256(json.dumps([files, repr(rule)]).encode()).hexdigest()
    return f"{stem}-{rule.split_by}-{digest[:8]}"


def _listing(flag: str, directory: Path | None) -> list[tuple[str, int]]:
    """Absolute names and sizes of the files below a directory."""
    if directory is None:
        return []
    if not directory.is_dir():
        raise InputError(f"{flag} {directory}: no such directory")
    return sorted((str(path.resolve()), path.stat().st_size) for path in directory.rglob("*") if path.is_file())


__all__ = ["Builder", "ModisLstConfig", "prepare"]
