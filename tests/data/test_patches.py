import datetime
from collections import Counter

import numpy as np
import pytest

from lstsr_jax.data.patches import patch_windows, split_of


def brute_force(observed, size, stride, fraction):
    for row in range(0, observed.shape[0] - size + 1, stride):
        for col in range(0, observed.shape[1] - size + 1, stride):
            if observed[row : row + size, col : col + size].mean() >= fraction:
                yield row, col


@pytest.mark.parametrize(("size", "stride", "fraction"), [(8, 8, 1.0), (8, 3, 0.9), (5, 5, 0.5), (40, 1, 0.1)])
def test_windows_equal_brute_force(size, stride, fraction):
    observed = np.random.default_rng(3).random((37, 52)) > 0.08
    assert list(patch_windows(observed, size, stride, fraction)) == list(brute_force(observed, size, stride, fraction))


def test_one_cloudy_pixel_rejects_the_whole_patch():
    observed = np.ones((16, 24), bool)
    observed[9, 17] = False
    assert set(patch_windows(observed, 8, 8, 1.0)) == {(0, 0), (0, 8), (0, 16), (8, 0), (8, 8)}


def where(rule, *, date=datetime.date(2020, 1, 1), row=0, col=0, granule="g", tile="h18v04", size=64):
    return split_of(rule, granule=granule, date=date, tile=tile, row=row, col=col, size=size)


def test_date_keeps_whole_periods_together_and_uses_every_split():
    year = [datetime.date(2019, 1, 1) + datetime.timedelta(days=i) for i in range(365)]
    by_period = {}
    for date in year:
        by_period.setdefault((date.timetuple().tm_yday - 1) // 16, set()).add(where("date", date=date))
    assert all(len(splits) == 1 for splits in by_period.values())
    counts = Counter(next(iter(splits)) for splits in by_period.values())
    assert counts["train"] >= 15 and counts["validation"] >= 3 and counts["test"] >= 3


def test_day_keeps_a_date_together_and_sets_it_between_dates_of_training():
    year = [datetime.date(2019, 1, 1) + datetime.timedelta(days=i) for i in range(365)]
    splits = [where("day", date=date) for date in year]
    assert splits == [where("day", date=date, row=64, col=640, granule=str(date)) for date in year]
    counts = Counter(splits)
    assert counts["validation"] in (60, 61) and counts["test"] in (60, 61)
    held_out = [i for i, split in enumerate(splits) if split == "test" and 0 < i < 364]
    assert all(splits[i - 1] == splits[i + 1] == "train" for i in held_out)


def test_place_never_shows_a_grid_cell_in_two_splits():
    cells = {}
    for row in range(0, 1200 - 64, 32):
        for col in range(0, 1200 - 64, 32):
            split = where("place", row=row, col=col, granule=f"{row}{col}")
            if split is None:
                continue
            for r in {row // 64, (row + 63) // 64}:
                for c in {col // 64, (col + 63) // 64}:
                    cells.setdefault((r, c), set()).add(split)
    assert all(len(splits) == 1 for splits in cells.values())
    assert {split for splits in cells.values() for split in splits} == {"train", "validation", "test"}


def test_place_is_the_same_on_every_date_and_overpass():
    dates = [datetime.date(2017 + i, 1 + i, 3) for i in range(8)]
    assert len({where("place", date=date, row=128, col=192, granule=str(date)) for date in dates}) == 1


def test_random_is_three_quarters_train():
    drawn = Counter(where("random", row=row, col=col) for row in range(60) for col in range(60))
    assert drawn["train"] / 3600 == pytest.approx(0.75, abs=0.03)
    assert drawn["validation"] / 3600 == pytest.approx(0.125, abs=0.02)


@pytest.mark.parametrize(("year", "splits"), [(2017, {"train"}), (2020, {"train"}), (2015, {None}), (2021, {None})])
def test_year(year, splits):
    assert {where("year", date=datetime.date(year, month, 5)) for month in range(1, 13)} == splits


def test_year_holds_out_2011_to_2013():
    held_out = {where("year", date=datetime.date(2012, month, 5)) for month in range(1, 13)}
    assert held_out == {"validation", "test"}


def test_unknown_rule():
    with pytest.raises(ValueError, match="choose one of"):
        where("season")
