import dataclasses
import datetime
import hashlib
import shutil

import numpy as np
import pytest
from rasterio.transform import Affine

from data_builders import prepare
from lstsr_jax.config import DataConfig
from lstsr_jax.data.ndvi import ndvi_for
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation import evaluate
from lstsr_jax.geo import NdviLibrary, find_granules, read_ndvi, simulate_granule, write_granule
from lstsr_jax.geo.manifest import ManifestRow, write_manifest


@pytest.fixture
def periods(tmp_path):
    """A library of empty files: only the names matter to the choice."""
    for day in (1, 17, 81, 353):
        (tmp_path / f"MOD13A2.A2020{day:03d}.h18v04.061.2020100000000_1_km_16_days_NDVI.tif").write_bytes(b"")
    (tmp_path / "MOD13A2.A2021001.h18v04.061.2021100000000.hdf").write_bytes(b"")
    (tmp_path / "MOD13Q1.A2020097.h18v04.061.2020100000000_250m_16_days_NDVI.tif").write_bytes(b"")
    (tmp_path / "MOD13A2.A2020097.h18v03.061.2020100000000_1_km_16_days_NDVI.tif").write_bytes(b"")
    return NdviLibrary(tmp_path)


@pytest.mark.parametrize(
    ("date", "day"),
    [
        (datetime.date(2020, 1, 16), "A2020001"),  # the last of its 16 days
        (datetime.date(2020, 1, 17), "A2020017"),
        (datetime.date(2020, 2, 5), "A2020017"),  # four days after the end of it
        (datetime.date(2020, 3, 15), "A2020081"),  # six days before it
        (datetime.date(2020, 12, 31), "A2020353"),  # the last period of a year is shorter
        (datetime.date(2021, 1, 3), "A2021001"),
        (datetime.date(2019, 12, 20), "A2020001"),
        (datetime.date(2020, 7, 1), None),  # months from any
    ],
)
def test_the_period_that_holds_the_date_or_lies_nearest(periods, date, day):
    path = periods.path_for("h18v04", date)
    assert (path is None) if day is None else (day in path.name)


def test_other_tiles_and_products_do_not_count(periods):
    assert periods.path_for("h17v04", datetime.date(2020, 1, 5)) is None
    assert "h18v03" in periods.path_for("h18v03", datetime.date(2020, 4, 8)).name


def test_ndvi_patches_lie_where_the_lst_patches_lie(granules, small_config):
    built = prepare(dataclasses.replace(small_config.data, ndvi=str(granules)))
    library = NdviLibrary(granules)
    examples = list(built.source("all"))
    for example in examples[::9]:
        date = datetime.date.fromisoformat(example["date"].decode())
        whole = read_ndvi(library.path_for("h18v04", date)).ndvi
        row, col = int(example["row"]), int(example["col"])
        np.testing.assert_array_equal(example["ndvi"][..., 0], whole[row : row + 32, col : col + 32])
    assert built.metadata["dates_without_ndvi"] == []


def test_images_without_ndvi_are_left_out_of_the_methods_that_need_it(granules, small_config, tmp_path):
    some = tmp_path / "ndvi"
    some.mkdir()
    kept = sorted(granules.glob("MOD13A2*"))[-1]  # one period of six
    shutil.copy(kept, some)
    built = prepare(dataclasses.replace(small_config.data, ndvi=str(some), data_dir=str(tmp_path / "tfds")))
    table = evaluate(["bicubic", "tsharp", "atprk", "dms", "dms-conserved"], built, split="all").table()
    with_ndvi = sum(bool(np.isfinite(e["ndvi"]).mean() >= 0.5) for e in built.source("all"))
    total = len(built.source("all"))
    assert 0 < with_ndvi < total
    rows = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("| ")}
    assert f"| {total} |" in table and f"Over the {with_ndvi} images common to all methods" in table
    for name in ("atprk", "dms", "dms-conserved"):
        assert rows[name].rstrip().endswith(f"| {with_ndvi} |")
    assert rows["dms"].split("|")[2:] != rows["dms-conserved"].split("|")[2:]
    assert "nan" not in table


def test_methods_that_need_ndvi_say_so(dataset):
    with pytest.raises(InputError, match="tsharp: needs NDVI, which the dataset does not hold; give `ndvi`"):
        evaluate(["bicubic", "tsharp"], dataset, protocol="paper")


def test_bad_directories(granules, tmp_path):
    with pytest.raises(InputError, match=r"`data\.ndvi` .*nowhere: no such directory"):
        prepare(DataConfig(granules=str(granules), ndvi=str(tmp_path / "nowhere"), data_dir=str(tmp_path)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no MOD13A2 granule"):
        prepare(DataConfig(granules=str(granules), ndvi=str(tmp_path / "empty"), data_dir=str(tmp_path)))


def test_ndvi_of_another_window_of_the_grid_is_cut_to_the_scene(granules):
    """NDVI of a whole tile serves granules that cover a part of it, and reaches as far as it does."""
    layer = find_granules(granules).layers[0]
    scene, library = layer.read(), NdviLibrary(granules)
    whole = ndvi_for(library, scene)
    rows, cols = np.s_[30:100], np.s_[50:90]
    place = scene.transform @ Affine.translation(50, 30)
    part = dataclasses.replace(scene, lst=scene.lst[rows, cols], transform=place)
    np.testing.assert_array_equal(ndvi_for(library, part), whole[rows, cols])
    beyond = dataclasses.replace(scene, lst=scene.lst, transform=place)
    expected = np.full(whole.shape, np.nan, np.float32)
    expected[: 128 - 30, : 128 - 50] = whole[30:, 50:]
    np.testing.assert_array_equal(ndvi_for(library, beyond), expected)
    between = dataclasses.replace(scene, transform=scene.transform @ Affine.translation(0.3, 0))
    with pytest.raises(InputError, match="NDVI is not on the grid of"):
        ndvi_for(library, between)


def test_hdf4_wins_over_geotiff_and_a_newer_production_over_an_older(tmp_path):
    old = "MOD13A2.A2020081.h18v04.061.2020100000000"
    new = "MOD13A2.A2020081.h18v04.061.2021100000000"
    for name in (f"{old}.hdf", f"{old}_1_km_16_days_NDVI.tif"):
        (tmp_path / name).write_bytes(b"")
    date = datetime.date(2020, 3, 25)
    assert NdviLibrary(tmp_path).path_for("h18v04", date).name == f"{old}.hdf"
    (tmp_path / f"{new}_1_km_16_days_NDVI.tif").write_bytes(b"")
    assert NdviLibrary(tmp_path).path_for("h18v04", date).name.startswith(new)


def test_a_damaged_ndvi_granule_is_reported_and_its_dates_go_without(granules, small_config, tmp_path, capsys):
    ndvi = tmp_path / "ndvi"
    ndvi.mkdir()
    for path in granules.glob("MOD13A2*"):
        shutil.copy(path, ndvi)
    victim = sorted(ndvi.iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:500])
    built = prepare(dataclasses.replace(small_config.data, ndvi=str(ndvi), data_dir=str(tmp_path / "tfds")))
    assert victim.name in built.metadata["unreadable"] and victim.name in capsys.readouterr().err
    assert len(built.metadata["dates_without_ndvi"]) == 1


def test_ndvi_of_another_size_than_the_manifest_says_stays_out_and_of_another_checksum_is_refused(tmp_path, capsys):
    lst, ndvi, rows, paths = tmp_path / "lst", tmp_path / "ndvi", {}, []
    ndvi.mkdir()
    for month in (6, 9):  # further apart than NDVI reaches
        granule = simulate_granule(3, size=32, date=datetime.date(2020, month, 1), cloud_fraction=0)
        _, near, _ = write_granule(granule, lst, "hdf4", ndvi=True)
        paths.append(near.rename(ndvi / near.name))
        content = paths[-1].read_bytes()
        size = len(content) + (month == 9)
        rows[near.stem] = ManifestRow(near.stem, size, hashlib.sha256(content).hexdigest(), "", "")
    config = DataConfig(granules=str(lst), ndvi=str(ndvi), patch_size=32, stride=32, data_dir=str(tmp_path / "tfds"))
    assert prepare(config).metadata["dates_without_ndvi"] == []
    write_manifest(ndvi, rows)
    metadata = prepare(config).metadata  # another dataset than that of before
    assert metadata["dates_without_ndvi"] == ["2020-09-01"]
    assert f"{paths[1].name} ({size - 1} bytes, manifest.csv says {size}: damaged" in capsys.readouterr().err
    for path in lst.glob("*.hdf"):
        content = path.read_bytes()
        rows[path.stem] = ManifestRow(path.stem, len(content), hashlib.sha256(content).hexdigest(), "", "")
    write_manifest(lst, rows)
    assert prepare(config, verify=True).metadata["dates_without_ndvi"] == ["2020-09-01"]
    paths[0].write_bytes(paths[0].read_bytes()[:-1] + b"\1")
    with pytest.raises(InputError, match=rf"{paths[0].name}: its checksum is not that of manifest.csv"):
        prepare(config, verify=True)
    write_manifest(ndvi, {name: dataclasses.replace(row, bytes=1) for name, row in rows.items()})
    with pytest.raises(InputError, match=r"no MOD13A2 granule .*says 1: damaged"):
        prepare(config)
