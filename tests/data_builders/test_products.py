"""Datasets of several products: features, splits, and what must not be mixed."""

import datetime

import numpy as np
import pytest

from data_builders import prepare
from lstsr_jax.config import DataConfig
from lstsr_jax.data.patches import split_of
from lstsr_jax.errors import InputError
from lstsr_jax.geo import read_lst, simulate_granule, simulate_landscape, write_granule
from lstsr_jax.geo.simulate.subset_writer import write_netcdf

DATES = [datetime.date(2020, 4, 1) + datetime.timedelta(days=16 * i) for i in range(6)]


@pytest.fixture(scope="module")
def place():
    return simulate_landscape(1, 64)


@pytest.fixture(scope="module")
def mixed(place, tmp_path_factory):
    """MOD11A1 and VNP21A1D of one place and the same dates."""
    folder = tmp_path_factory.mktemp("mixed")
    for date in DATES:
        for product in ("MOD11A1", "VNP21A1D"):
            granule = simulate_granule(1, date=date, size=64, cloud_fraction=0, product=product, landscape=place)
            write_granule(granule, folder)
    return folder


def config(folder, tmp_path, **options):
    return DataConfig(
        granules=str(folder), patch_size=16, stride=16, data_dir=str(tmp_path), min_valid_fraction=0.8, **options
    )


@pytest.mark.parametrize("rule", ["date", "place"])
def test_products_are_mixed_and_share_their_splits(mixed, tmp_path, rule):
    built = prepare(config(mixed, tmp_path, split_by=rule))
    assert built.metadata["products"] == ["MOD11A1", "VNP21A1D"]
    where = {}
    for split in built.splits:
        for example in built.source(split):
            product = example["product"].decode()
            assert example["granule"].decode().startswith(product)
            key = example["date"] if rule == "date" else (int(example["row"]), int(example["col"]))
            where.setdefault(key, set()).add(split)
            scene = read_lst(mixed / (example["granule"].decode() + (".hdf" if product == "MOD11A1" else ".h5")),
                             example["overpass"].decode())  # fmt: skip
            window = np.s_[int(example["row"]) :, int(example["col"]) :]
            np.testing.assert_array_equal(example["lst"][..., 0], scene.lst[window][:16, :16])
            assert example["view_time"] == pytest.approx(np.nanmean(scene.view_time[window][:16, :16]), abs=1e-3)
            assert example["view_angle"] == pytest.approx(np.nanmean(scene.view_angle[window][:16, :16]), abs=1e-3)
    assert len(where) > 3 and all(len(splits) == 1 for splits in where.values())


def test_daily_and_eight_day_patches_are_mixed_only_when_asked_for(place, mixed, tmp_path):
    granule = simulate_granule(1, date=DATES[0], size=64, cloud_fraction=0, product="MOD11A2", landscape=place)
    (path,) = write_granule(granule, mixed)
    try:
        with pytest.raises(InputError, match=r"MOD11A1 \(daily, .*\) and MOD11A2 \(means of 8 days, .*mix_periods"):
            prepare(config(mixed, tmp_path))
        with pytest.raises(InputError, match="a mean of eight days holds days of other splits"):
            prepare(config(mixed, tmp_path, mix_periods=True, split_by="day"))
        built = prepare(config(mixed, tmp_path, mix_periods=True))
        assert built.metadata["products"] == ["MOD11A1", "MOD11A2", "VNP21A1D"]
    finally:
        path.unlink()


def test_days_of_a_subset_are_patches_of_its_tile(place, tmp_path):
    """A netCDF of a window gives the same tile, rows and columns as the granule it was cut from."""
    granules = [simulate_granule(1, date=date, size=64, cloud_fraction=0, landscape=place) for date in DATES]
    (tmp_path / "days").mkdir()
    write_netcdf(granules, tmp_path / "days" / "MOD11A1.061_1km_aid0001.nc", native=False)
    built = prepare(config(tmp_path / "days", tmp_path))
    examples = list(built.source("all"))
    assert {example["tile"] for example in examples} == {b"h18v04"} and built.metadata["dates"] == len(DATES)
    by_date = {granule.date.isoformat(): granule for granule in granules}
    for example in examples[::7]:
        granule, row, col = by_date[example["date"].decode()], int(example["row"]), int(example["col"])
        lst = granule.lst_day if example["overpass"] == b"day" else granule.lst_night
        expected = lst[row : row + 16, col : col + 16] * 0.02
        seen = np.isfinite(example["lst"][..., 0])
        np.testing.assert_allclose(example["lst"][..., 0][seen], expected[seen], rtol=2e-7)
        assert seen.mean() >= 0.8


def test_cells_are_those_of_the_grid_across_tiles():
    """A window at the rim of a tile belongs to cells of the next one too."""

    def split(tile, row, col):
        return split_of("place", tile=tile, row=row, col=col, granule="g", date=DATES[0], size=48)

    found = []
    for row in range(0, 1200, 48):
        inside, beyond = split("h18v04", row, 1152), split("h19v04", row, 0)
        across = split("h18v04", row, 1176)
        assert across == (inside if inside == beyond else None)
        found.append(across)
    assert None in found and "train" in found
