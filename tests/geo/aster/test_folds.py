"""Folds of pairs: neither an overpass nor a place lies on both sides."""

import itertools

import numpy as np
import pytest

from lstsr_jax.errors import InputError
from lstsr_jax.geo import read_pairs
from lstsr_jax.geo.aster.folds import components, deal, held_out, lonlat_box
from lstsr_jax.geo.aster.pair_index import overpass_groups


def overlap(a, b):
    """Independent of the code under test: two boxes that do not cross the 180th meridian."""
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


@pytest.mark.parametrize("seed", range(20))
def test_no_fold_shares_an_overpass_or_a_place_with_another(seed):
    rng = np.random.default_rng(seed)
    names = [f"{i:03d}" for i in range(40)]
    corners = rng.uniform(0, 12, (40, 2))
    boxes = {name: (x, y, x + 0.7, y + 0.5) for name, (x, y) in zip(names, corners.tolist(), strict=True)}
    overpasses = {name: f"g{rng.integers(25)}" for name in names if rng.random() < 0.8}
    groups = components(boxes, overpasses)
    assert sorted(itertools.chain(*groups)) == names
    folds = deal(groups, 3)
    assert sorted(itertools.chain(*folds)) == names and all(folds)
    for first, second in itertools.combinations(folds, 2):
        for a, b in itertools.product(first, second):
            assert not overlap(boxes[a], boxes[b])
            assert a not in overpasses or overpasses[a] != overpasses.get(b)
    shuffled = rng.permutation(names).tolist()
    assert deal(components({name: boxes[name] for name in shuffled}, overpasses), 3) == folds


def test_pairs_are_linked_through_others_and_no_further():
    boxes = {"a": (0, 0, 1, 1), "b": (0.9, 0.9, 2, 2), "c": (5, 5, 6, 6), "d": (1, 0, 2, 0.9), "e": (20, 0, 21, 1)}
    assert components(boxes, {"b": "x", "c": "x"}) == [["a", "b", "c"], ["d"], ["e"]]  # d touches a and b at an edge


def test_places_meet_across_the_180th_meridian():
    boxes = {"a": (179.5, 0, -179.5, 1), "b": (-179.8, 0.5, -179, 1), "c": (179, 0, 179.6, 1), "d": (178, 0, 178.9, 1)}
    assert components(boxes, {}) == [["a", "b", "c"], ["d"]]


def test_folds_are_filled_evenly_and_never_empty():
    assert deal([["a", "b", "c"], ["d", "e"], ["f"], ["g"]], 2) == [["a", "b", "c", "g"], ["d", "e", "f"]]
    with pytest.raises(InputError, match="3 folds of 4 pairs: they are of 2 overpasses and places apart"):
        deal([["a", "b", "c"], ["d"]], 3)


def test_overpasses_are_read_from_the_index(tmp_path):
    (tmp_path / "index.csv").write_text("id;overpass_group\n001;g1\n2;g2\n003;\n")
    assert overpass_groups(tmp_path, ["001", "002", "003"]) == {"001": "g1", "002": "g2"}
    (tmp_path / "index.csv").write_text("id,overpass_group\n001,g1\n001,g2\n")
    with pytest.raises(InputError, match="line 3 gives pair 001 a second overpass_group"):
        overpass_groups(tmp_path, ["001"])
    (tmp_path / "index.csv").unlink()
    assert overpass_groups(tmp_path, ["001"]) == {}


def test_real_pairs_are_dealt_out_whole(shared_data):
    directory = shared_data / "aster_modis"
    pairs, _ = read_pairs(directory)
    names = [pair.name for pair in pairs]
    overpasses = overpass_groups(directory, names)
    folds = [held_out(pairs, overpasses, fold, 3) for fold in range(3)]
    assert [len(fold) for fold in folds] == [18, 16, 16]
    boxes = {pair.name: lonlat_box(pair) for pair in pairs}
    for first, second in itertools.combinations(folds, 2):
        for a, b in itertools.product(first, second):
            assert overpasses[a] != overpasses[b] and not overlap(boxes[a], boxes[b])
