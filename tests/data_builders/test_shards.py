"""A dataset does not depend on who cuts its shards: processes of this machine, Apache Beam, one or many."""

import dataclasses
import importlib.util
import operator
import os
import shutil
import subprocess
import sys
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest

from data_builders import prepare
from data_builders.modis_lst import shards
from data_builders.processes import in_processes
from lstsr_jax import beam
from lstsr_jax.errors import InputError
from lstsr_jax.geo import LstLayer


def contents(dataset):
    """All that a dataset holds and says, but for the time of its build."""
    examples = [
        {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in example.items()}
        for split in dataset.splits
        for example in dataset.source(split)
    ]
    metadata = {name: value for name, value in dataset.metadata.items() if name != "built"}
    return dataset.splits, examples, metadata


@pytest.fixture
def built(small_config, tmp_path, monkeypatch):
    """Builds the small dataset anew in shards of ``layers`` layers: its contents, and the number of its files."""

    def build(layers, **engine):
        monkeypatch.setattr(shards, "LAYERS", layers)
        data = dataclasses.replace(small_config.data, data_dir=str(tmp_path / f"{layers}{sorted(engine.items())}"))
        dataset = prepare(data, **engine)
        return contents(dataset), len(list(dataset.directory.glob("*.array_record*")))

    return build


def test_layers_are_dealt_in_order_and_large_datasets_make_larger_shards():
    layers = [LstLayer(Path(f"{number}.hdf"), "day") for number in range(3 * shards.LAYERS + 1)]
    dealt = shards.shards_of(layers)
    assert [shard.number for shard in dealt] == [0, 1, 2, 3]
    assert [layer for shard in dealt for layer in shard.layers] == layers
    assert [len(shard.layers) for shard in dealt] == [shards.LAYERS] * 3 + [1]
    many = shards.shards_of(range(290_000))
    assert len(many) <= shards.MOST and [n for shard in many for n in shard.layers] == list(range(290_000))


def test_examples_and_metadata_do_not_depend_on_the_shards(small_config, dataset, granules, tmp_path, built):
    """One layer in each shard or all in one: the patches of the granules in their order, row by row."""
    small, files = built(1)
    assert small == contents(dataset) and files > len(dataset.splits)
    for split in dataset.splits:
        places = [
            (example["date"].decode(), example["overpass"].decode(), int(example["row"]), int(example["col"]))
            for example in dataset.source(split)
        ]
        assert places == sorted(places)


def test_two_processes_build_what_one_builds(dataset, built):
    assert built(4, jobs=2)[0] == contents(dataset)


def test_unreadable_granules_are_told_once_and_in_order(granules, small_config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shards, "LAYERS", 1)
    mixed = tmp_path / "mixed"
    shutil.copytree(granules, mixed)
    victims = sorted(mixed.glob("MOD11*.hdf"))[1:3]
    for path in victims:
        path.write_bytes(path.read_bytes()[:20000])
    found = prepare(dataclasses.replace(small_config.data, granules=str(mixed), data_dir=str(tmp_path / "tfds")))
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("skipped: ")]
    assert [str(path) in line for path, line in zip(victims, told, strict=True)] == [True, True]
    assert found.metadata["unreadable"] == [path.name for path in victims]


def test_results_of_processes_come_in_order_and_the_processes_end():
    assert list(in_processes(operator.neg, range(40), 2)) == [-n for n in range(40)]
    results = in_processes(operator.neg, range(40), 2)
    assert next(results) == 0
    results.close()
    assert not active_children()


def test_a_script_without_a_guard_may_ask_for_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import operator\nfrom data_builders.processes import in_processes\n"
        "print('once', list(in_processes(operator.neg, [1, 2, 3], 2)))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("once [-1, -2, -3]\n", "")


def test_a_process_that_is_killed_ends_the_work_in_one_line():
    with pytest.raises(InputError, match=r"`jobs` 2: one of the processes was ended from outside.*give fewer"):
        list(in_processes(os._exit, [9, 9], 2))


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ({"jobs": 0}, "`jobs` 0: must be positive"),
        ({"beam_options": ["direct_num_workers=2"]}, "`beam_options`: .*give `runner`"),
        ({"jobs": 2, "runner": "DirectRunner"}, "`jobs` 2: the `runner` decides"),
    ],
)
def test_engines_that_contradict_themselves_are_refused_first(small_config, engine, said):
    with pytest.raises(InputError, match=said):
        prepare(small_config.data, **engine)


def test_without_the_extra_a_runner_names_the_remedy(small_config, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"`runner` DirectRunner: needs Apache Beam; run pip install 'lstsr-jax\[beam\]'"
    ):
        prepare(small_config.data, runner="DirectRunner")


def test_options_of_beam_may_have_dashes():
    assert beam.flags_of(["direct_num_workers=2"]) == beam.flags_of(["--direct_num_workers=2"])
    assert beam.flags_of(["--a=1 --b='x y'", 'c={"d": 1}']) == ["--a=1", "--b=x y", '--c={"d": 1}']


@pytest.fixture
def with_beam():
    """Apache Beam, or a skip that says what is missing."""
    if importlib.util.find_spec("apache_beam") is None:
        pytest.skip("Apache Beam is not installed: pip install 'lstsr-jax[beam]'")


@pytest.mark.slow
@pytest.mark.usefixtures("with_beam")
@pytest.mark.parametrize("options", [[], ["direct_num_workers=2", "direct_running_mode=multi_processing"]])
def test_beam_builds_what_one_process_builds(dataset, built, options):
    assert built(4, runner="DirectRunner", beam_options=options)[0] == contents(dataset)


@pytest.mark.usefixtures("with_beam")
@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ({"runner": "NoRunner"}, "`runner` NoRunner: unknown to Apache Beam"),
        (
            {"runner": "DirectRunner", "beam_options": ["direct_nun_workers=2"]},
            "`beam_options` direct_nun_workers=2: no",
        ),
    ],
)
def test_what_beam_does_not_know_is_refused_first(small_config, engine, said):
    with pytest.raises(InputError, match=said):
        prepare(small_config.data, **engine)
