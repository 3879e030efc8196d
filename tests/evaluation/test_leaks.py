"""How many of the patches that are scored were trained on."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from data_builders import prepare
from lstsr_jax.data.acquisitions import Acquisitions
from lstsr_jax.evaluation import check_unseen, evaluate, trained_on_patches
from lstsr_jax.evaluation.leaks import _windows
from lstsr_jax.predictor import load_predictor, save_predictor


def provenance(source):
    text = ("granule", "date", "tile", "overpass")
    return [{**{k: e[k].decode() for k in text}, "row": int(e["row"]), "col": int(e["col"])} for e in source]


def count(trained, config, dataset, split="all"):
    return int(
        trained_on_patches(load_predictor(trained), config.granules, provenance(dataset.source(split)), 32).sum()
    )


def test_the_patches_of_the_training_split_are_counted_in_any_folder(trained, small_config, dataset, tmp_path):
    n = dataset.metadata["patches"]["train"]
    assert count(trained, small_config.data, dataset) == count(trained, small_config.data, dataset, "train") == n
    assert count(trained, small_config.data, dataset, "test") == 0
    shutil.copytree(small_config.data.granules, tmp_path / "copy")
    copied = dataclasses.replace(small_config.data, granules=str(tmp_path / "copy"))
    assert count(trained, copied, dataset) == n


def test_the_report_says_so(trained, dataset):
    network = load_predictor(trained)
    found = evaluate(["bicubic", network], dataset, split="all")
    n, total = dataset.metadata["patches"]["train"], sum(dataset.metadata["patches"].values())
    assert f"`mrunet`: {n} of {total} patches were trained on" in found.table()
    assert found.to_dict()["trained_on"] == found.trained_on == {"mrunet": n}
    assert "trained on" not in evaluate(["bicubic", network], dataset).table()


def test_another_rule_is_refused_without_advice_to_score_what_was_trained_on(trained, small_config):
    other = dataclasses.replace(small_config.data, split_by="place")
    with pytest.raises(ValueError, match="with its own rule, or on granules it was not trained on") as error:
        check_unseen([load_predictor(trained)], other, "test")
    assert "split all" not in str(error.value).replace("`", "")


def test_another_rule_shares_patches_with_the_training(trained, small_config, tmp_path):
    config = dataclasses.replace(small_config.data, split_by="place", data_dir=str(tmp_path))
    dataset = prepare(config)
    examples = list(dataset.source("test"))
    dates = {e["date"] for e in prepare(small_config.data).source("train")}
    assert 0 < count(trained, config, dataset, "test") == sum(e["date"] in dates for e in examples)


@pytest.mark.parametrize(
    ("first", "size", "trained_size", "stride"), [(0, 32, 32, 32), (40, 16, 32, 16), (64, 64, 20, 7)]
)
def test_windows_that_share_a_pixel(first, size, trained_size, stride):
    expected = [b for b in range(0, 500, stride) if b < first + size and b + trained_size > first]
    assert list(_windows(first, size, trained_size, stride)) == expected


def test_acquisitions_survive_json():
    import datetime

    days = [datetime.date(2020, 1, 1), datetime.date(2020, 12, 31), datetime.date(2021, 5, 5)]
    known = Acquisitions()
    for day in days:
        known.add("MOD11A1", "h18v04", day)
    again = Acquisitions(json.loads(json.dumps(known.to_json())))
    assert all(again.hold("MOD11A1", "h18v04", day) for day in days)
    assert not again.hold("MYD11A1", "h18v04", days[0]) and not again.hold("MOD11A1", "h18v04", days[0].replace(day=2))
    assert (
        np.sum([again.hold("MOD11A1", "h18v04", datetime.date(2020, 1, 1) + datetime.timedelta(d)) for d in range(366)])
        == 2
    )


def test_a_network_knows_where_it_was_loaded_from_and_what_it_was_trained_on(trained, small_config, tmp_path):
    workdir, step = load_predictor(trained), sorted((trained / "checkpoints").iterdir())[0]
    single = load_predictor(step)
    assert workdir.provenance.path == str(trained) and single.provenance.step == int(step.name)
    assert workdir.provenance.data == small_config.data and workdir.provenance.train == small_config.train
    assert workdir.provenance.acquisitions and not workdir.provenance.used_validation
    structures = [jax.tree.structure(predictor) for predictor in (workdir, single)]
    assert structures[0] == structures[1] and hash(structures[0]) == hash(structures[1])  # one compiled program
    save_predictor(tmp_path / "copy", workdir)
    copy = load_predictor(tmp_path / "copy").provenance
    assert (copy.data, copy.train, copy.acquisitions, copy.step) == (None, None, None, None)
