import dataclasses
import shutil
import subprocess
import sys

import numpy as np
import pytest

from data_builders import prepare
from lstsr_jax.config import DataConfig
from lstsr_jax.data import PreparedDataset
from lstsr_jax.errors import InputError
from lstsr_jax.geo import find_granules, read_lst


def test_patches_are_the_pixels_of_the_granules(dataset, granules):
    examples = list(dataset.source("all"))
    assert len(examples) == sum(dataset.metadata["patches"].values()) > 50
    scenes = {(path.name, overpass): read_lst(path, overpass) for path, overpass in find_granules(granules).layers}
    for example in examples[:: len(examples) // 20]:
        granule, overpass = example["granule"].decode(), example["overpass"].decode()
        scene = scenes[f"{granule}.hdf", overpass]
        row, col = int(example["row"]), int(example["col"])
        np.testing.assert_array_equal(example["lst"][..., 0], scene.lst[row : row + 32, col : col + 32])
        assert example["lst"].dtype == np.float32 and np.isfinite(example["lst"]).all()
        assert (example["date"].decode(), example["tile"].decode()) == (scene.date.isoformat(), "h18v04")


def test_splits_share_no_date_and_the_maximum_is_recorded(dataset):
    dates = {split: {e["date"] for e in dataset.source(split)} for split in dataset.splits}
    assert set(dates) == {"train", "validation", "test"}
    assert not dates["train"] & dates["test"] and not dates["train"] & dates["validation"]
    highest = max(float(e["lst"].max()) for e in dataset.source("train"))
    assert dataset.metadata["max_k"]["train"] == pytest.approx(highest)


def test_prepared_once_and_anew_when_granules_come_in(dataset, small_config, granules, tmp_path):
    assert prepare(small_config.data).directory == dataset.directory
    more = tmp_path / "more"
    shutil.copytree(granules, more)
    first = prepare(dataclasses.replace(small_config.data, granules=str(more)))
    next(more.glob("*.hdf")).unlink()
    second = prepare(dataclasses.replace(small_config.data, granules=str(more)))
    assert second.directory != first.directory
    assert second.metadata["dates"] == first.metadata["dates"] - 1


def test_unreadable_granules_are_named_skipped_and_counted(granules, tmp_path, capsys):
    mixed = tmp_path / "mixed"
    shutil.copytree(granules, mixed)
    victim = sorted(mixed.glob("*.hdf"))[2]
    victim.write_bytes(victim.read_bytes()[:20000])
    built = prepare(DataConfig(granules=str(mixed), patch_size=32, stride=32, data_dir=str(tmp_path / "tfds")))
    assert built.metadata["unreadable"] == [victim.name]
    assert victim.name in capsys.readouterr().err


def test_what_is_said_is_what_is_done(granules, tmp_path, capsys, caplog):
    config = DataConfig(granules=str(granules), patch_size=32, stride=32, data_dir=str(tmp_path))
    built = prepare(config)
    first, second = capsys.readouterr().err.splitlines()  # of TFDS no word of a download, nor of the configuration
    assert first == f"preparing the dataset in {built.directory}; later runs find it there"
    assert second.startswith("dataset: ") and not caplog.records
    prepare(config)
    assert capsys.readouterr().err.splitlines() == [second]


def test_partly_cloudy_patches_on_request(granules, tmp_path):
    config = DataConfig(granules=str(granules), patch_size=32, stride=32, data_dir=str(tmp_path))
    clear = prepare(config)
    cloudy = prepare(dataclasses.replace(config, min_valid_fraction=0.5))
    count = {d: sum(d.metadata["patches"].values()) for d in (clear, cloudy)}
    assert count[cloudy] > count[clear]
    shares = [np.isfinite(e["lst"]).mean() for e in cloudy.source("all")]
    assert 0.5 <= min(shares) < 1.0


def test_no_usable_patch_says_what_was_found(granules, tmp_path):
    config = DataConfig(granules=str(granules), patch_size=128, max_lst_error_k=1, data_dir=str(tmp_path))
    with pytest.raises(InputError, match=r"no usable patch in 12 layers \(6 dates, .* % of their pixels observed\)"):
        prepare(dataclasses.replace(config, min_valid_fraction=1.0))
    assert not list(tmp_path.rglob("*.array_record*"))


def test_missing_and_foreign_directories(tmp_path):
    with pytest.raises(InputError, match="no such directory"):
        prepare(DataConfig(granules=str(tmp_path / "nowhere"), data_dir=str(tmp_path)))
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "MOD13A2.A2020001.h18v04.061.2020018001022.hdf").write_bytes(b"")
    with pytest.raises(InputError, match="no LST at 1 km among its 1 files"):
        prepare(DataConfig(granules=str(foreign), data_dir=str(tmp_path)))


def test_an_empty_split_names_the_remedy(granules, tmp_path):
    one = tmp_path / "one"
    one.mkdir()
    shutil.copy(sorted(granules.glob("*.hdf"))[0], one)
    built = prepare(DataConfig(granules=str(one), patch_size=32, stride=32, data_dir=str(tmp_path)))
    (only,) = built.splits
    assert len(built.source("all")) == built.metadata["patches"][only]
    empty = next(split for split in ("train", "validation", "test") if split != only)
    with pytest.raises(InputError, match="`split` all"):
        built.source(empty)


def test_no_tensorflow_and_no_beam_unless_asked():
    unwanted = "{'tensorflow', 'apache_beam'} & set(sys.modules)"
    code = f"import data_builders.preparation, lstsr_jax.data, sys; sys.exit(bool({unwanted}))"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_real_granules(shared_data, tmp_path):
    """The 242 real layers of 2020: the authors' 1119 cloud-free day/night pairs."""
    built = prepare(DataConfig(granules=str(shared_data / "mod11a1_h18v04_2020"), data_dir=str(tmp_path)))
    assert sum(built.metadata["patches"].values()) == 2238
    assert (built.metadata["dates"], built.metadata["layers"]) == (121, 242)


def test_what_a_dataset_says_of_itself_is_what_was_written(dataset, tmp_path):
    """One number of a JSON file is another: nothing of TFDS would notice."""
    for number, name in enumerate(("metadata.json", "dataset_info.json", "features.json", "checksums.json")):
        copy = tmp_path / str(number) / "1.0.0"
        shutil.copytree(dataset.directory, copy)
        text = (copy / name).read_text()
        (copy / name).write_text(text.replace("1", "2", 1))
        assert text != (copy / name).read_text()
        with pytest.raises(InputError, match=rf"{copy}: the prepared dataset is damaged .*; remove it and run again"):
            PreparedDataset(copy)
    older = tmp_path / "older" / "1.0.0"
    shutil.copytree(dataset.directory, older)
    (older / "checksums.json").unlink()
    assert PreparedDataset(older).splits == dataset.splits


def test_checksums_that_the_end_of_a_build_has_cost_are_written_by_the_next(small_config, dataset, tmp_path):
    root = tmp_path / "tfds"
    shutil.copytree(small_config.data.data_dir, root)
    again = dataclasses.replace(small_config.data, data_dir=str(root))
    path = root / dataset.directory.relative_to(small_config.data.data_dir) / "checksums.json"
    text = path.read_text()
    path.rename(path.with_name(".checksums.0123456789abcdef.partial.json"))  # killed before it had its name
    prepare(again)
    assert path.read_text() == text and not list(path.parent.glob(".*"))
