"""Splits, folds, shards and orders: disjoint, complete, and moved by nothing but what they are a function of."""

import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lstsr_jax.config import FOLDS, parse_fold
from lstsr_jax.data.acquisitions import Acquisitions
from lstsr_jax.data.order import generators, shuffled
from lstsr_jax.data.patches import PERIOD_DAYS, SPLITS, patch_windows, split_of
from lstsr_jax.errors import InputError
from lstsr_jax.geo import LstLayer
from lstsr_jax.geo.aster.folds import components, deal
from lstsr_jax.geo.grid import TILE_PIXELS
from lstsr_jax.product import Shard
from lstsr_jax.product.layers import Work
from lstsr_jax.product.work import Item

RULES = ("date", "day", "place", "random", "year")
dates = st.dates(datetime.date(2000, 2, 24), datetime.date(2035, 12, 31))
tiles = st.builds("h{:02d}v{:02d}".format, st.integers(0, 34), st.integers(0, 16))
places = st.tuples(*[st.integers(0, TILE_PIXELS - 1)] * 2)


def of(rule, date, tile, row, col, size, granule="MOD11A1.A2020001.h18v04.061.2021003092415_day"):
    return split_of(rule, granule=granule, date=date, tile=tile, row=row, col=col, size=size)


@settings(max_examples=60)
@given(st.sampled_from(RULES[:2]), dates, dates, tiles, tiles, places, places)
def test_no_date_or_period_is_in_two_splits(rule, date, other, tile, beside, place, elsewhere):
    first, second = of(rule, date, tile, *place, 64), of(rule, other, beside, *elsewhere, 48, granule="another")
    assert first in SPLITS and second in SPLITS
    assert of(rule, date, beside, *elsewhere, 32, granule="a third") == first
    if rule == "date":
        period = date.replace(month=1, day=1) + (date - date.replace(month=1, day=1)) // PERIOD_DAYS * PERIOD_DAYS
        assert of(rule, period, tile, *place, 64) == first


@settings(max_examples=60)
@given(st.integers(16, 96), tiles, places, st.tuples(*[st.integers(-95, 95)] * 2))
def test_two_windows_of_two_splits_by_place_share_no_pixel(size, tile, place, away):
    row, col = place
    down, right = row + away[0] % size, col + away[1] % size  # overlaps the first
    first = of("place", datetime.date(2020, 1, 1), tile, row, col, size)
    h, v = int(tile[1:3]) + right // TILE_PIXELS, int(tile[4:]) + down // TILE_PIXELS
    name = f"h{h:02d}v{v:02d}"  # the tile in which the second begins
    second = of("place", datetime.date(2013, 7, 2), name, down % TILE_PIXELS, right % TILE_PIXELS, size, granule="b")
    assert None in (first, second) or first == second


@settings(max_examples=40)
@given(st.sampled_from(RULES), st.lists(st.tuples(dates, tiles, places), min_size=1, max_size=12), st.randoms())
def test_splits_are_those_of_the_patches_alone(rule, patches, random):
    """Whatever comes before, after or beside a patch."""
    alone = {patch: of(rule, patch[0], patch[1], *patch[2], 64) for patch in patches}
    mixed = [*patches, *patches]
    random.shuffle(mixed)
    assert all(of(rule, date, tile, *place, 64) == alone[date, tile, place] for date, tile, place in mixed)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 20), st.sampled_from([0.01, 0.5, 0.9, 1.0]))
def test_windows_are_those_with_enough_observed_pixels(seed, size, stride, share):
    random = np.random.default_rng(seed)
    shape = random.integers(1, 40, 2)
    observed = random.random(shape) < random.choice([0.5, 0.9, 1.0])
    expected = [
        (row, col)
        for row in range(0, shape[0] - size + 1, stride)
        for col in range(0, shape[1] - size + 1, stride)
        if observed[row : row + size, col : col + size].sum() >= share * size * size - 1e-9
    ]
    assert list(patch_windows(observed, size, stride, share)) == expected


@settings(max_examples=40)
@given(st.integers(0, 2**31 - 1), st.integers(1, 200), st.integers(0, 5))
def test_an_epoch_holds_every_example_once_and_random_numbers_are_those_of_a_place(seed, count, epoch):
    places = epoch * count + np.arange(count)
    assert sorted(shuffled(seed, count)(places)) == list(range(count))
    at = generators(seed)
    first = at(epoch).integers(0, 2**31, 5).tolist()
    at(epoch + 1).random(3)
    assert at(epoch).integers(0, 2**31, 5).tolist() == first


boxes = st.builds(
    lambda west, south, width, height: (
        (west + 180) % 360 - 180,
        south,
        (west + width + 180) % 360 - 180,
        south + height,
    ),
    st.integers(-180, 179),
    st.integers(-80, 70),
    st.integers(1, 20),
    st.integers(1, 10),
)


@settings(max_examples=30)
@given(
    st.lists(boxes, min_size=1, max_size=14), st.lists(st.integers(0, 6), max_size=14), st.integers(2, 5), st.randoms()
)
def test_folds_are_disjoint_complete_and_keep_what_belongs_together(drawn, groups, count, random):
    by_name = {f"pair{number:02d}": box for number, box in enumerate(drawn)}
    overpasses = {
        f"pair{number:02d}": str(group) for number, group in enumerate(groups) if number < len(drawn) and group
    }
    found = components(by_name, overpasses)
    assert sorted(name for group in found for name in group) == sorted(by_name)
    where = {name: number for number, group in enumerate(found) for name in group}
    for a, (west, south, east, north) in by_name.items():
        for b, (left, bottom, right, top) in by_name.items():
            over = min(north, top) > max(south, bottom)
            columns = {(west + step) % 360 for step in range(int((east - west) % 360))}
            beside = columns & {(left + step) % 360 for step in range(int((right - left) % 360))}
            if (over and beside) or (a in overpasses and overpasses[a] == overpasses.get(b)):
                assert where[a] == where[b], (a, b)
    names = list(by_name)
    random.shuffle(names)
    assert components({name: by_name[name] for name in names}, overpasses) == found
    if len(found) < count:
        with pytest.raises(InputError, match="take fewer folds"):
            deal(found, count)
        return
    folds = deal(found, count)
    assert sorted(name for fold in folds for name in fold) == sorted(by_name) and len(folds) == count
    assert all(len({number for number, fold in enumerate(folds) if set(fold) & set(group)}) == 1 for group in found)


@settings(max_examples=40)
@given(st.integers(0, 12), st.integers(0, 12), st.booleans())
def test_a_fold_is_one_of_its_number_or_refused(fold, count, slash):
    text = f"{fold}/{count}" if slash else str(fold)
    folds = count if slash else FOLDS
    if fold < folds and folds >= 2:
        assert parse_fold(text) == (fold, folds)
    else:
        with pytest.raises(InputError, match="must be K/N"):
            parse_fold(text)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=30), st.integers(1, 40))
def test_shards_are_disjoint_complete_and_keep_the_layers_of_a_granule_together(granules, count):
    items = [
        Item(place, LstLayer(Path(f"{number}.hdf"), "day" if day else "night", f"granule{number}"))
        for place, (number, day) in enumerate(granules)
    ]
    work = Work(items, [], [])
    shards = [work.shard(Shard.parse(f"{index}/{count}")) for index in range(count)]
    assert sorted(item.place for shard in shards for item in shard.items) == list(range(len(items)))
    homes = {item.granule: number for number, shard in enumerate(shards) for item in shard.items}
    assert all(homes[item.granule] == number for number, shard in enumerate(shards) for item in shard.items)
    sizes = [len({item.granule for item in shard.items}) for shard in shards]
    assert max(sizes) - min(sizes) <= 1


@settings(max_examples=60)
@given(st.text("0123456789/-+ eI", max_size=8) | st.builds("{}/{}".format, st.integers(0, 9), st.integers(0, 9)))
@example("\u0661/\u0662")  # digits, but not those of a number
def test_a_shard_is_read_as_it_is_written_or_refused(text):
    try:
        shard = Shard.parse(text, {})
    except InputError as error:
        assert "`shard`" in str(error)
    else:
        assert 0 <= shard.index < shard.count and Shard.parse(str(shard)) == shard


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(["MOD11A1", "VNP21A1D"]), tiles, dates), max_size=20), st.tuples(tiles, dates)
)
def test_acquisitions_there_and_back(days, another):
    found = Acquisitions()
    for day in days:
        found.add(*day)
    again = Acquisitions(found.to_json())
    assert all(again.hold(*day) for day in days) and again.to_json() == found.to_json()
    assert again.products == sorted({product for product, _, _ in days})
    assert again.hold("MOD11A1", *another) == (("MOD11A1", *another) in days)
