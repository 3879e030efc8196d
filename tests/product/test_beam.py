"""Maps on Apache Beam are the files of a serial run; what does not need Beam is tried without."""

import importlib.util
import os
import pickle
from pathlib import Path

import pytest

from lstsr_jax.errors import InputError
from lstsr_jax.geo import LstLayer
from lstsr_jax.product import Item, choose_method, find_work, predict, settings_of
from lstsr_jax.product import beam as on_beam
from lstsr_jax.product.beam import Mapper, batches_of, results_folder


def mapper_of(directory, **options):
    selection, inference, output = settings_of(output_dir=directory, tile=64, overlap=8, **options)
    return Mapper(method="bicubic", selection=selection, inference=inference, output=output, command="test")


def serial(files, mapper):
    method = choose_method(mapper.checkpoint, mapper.method, mapper.ndvi)
    return predict(files, method, mapper.selection, mapper.inference, mapper.output, command=mapper.command)


def written(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def told(report):
    """A report without its folders and times."""
    return [(one.source.name, one.overpass, one.status, one.output and one.output.name) for one in report.outcomes]


def test_batches_keep_granules_together_and_in_order():
    layers = [LstLayer(Path(f"MOD11A1.A2020{day:03d}.h18v04.061.2020300000000.hdf"), "day") for day in range(1, 20)]
    night = LstLayer(layers[0].path, "night")
    items = [Item(place, layer) for place, layer in enumerate([*layers, night])]
    batches = batches_of(items)
    assert [item.place for batch in batches for item in batch] == [0, 19, *range(1, 19)]
    assert max(len({item.layer.path for item in batch}) for batch in batches) == on_beam.GRANULES


def test_a_pickled_mapper_maps_as_a_run_does_and_its_job_is_made_once(granules, tmp_path):
    path = sorted(granules.glob("MOD11*.hdf"))[0]
    mapper = mapper_of(tmp_path / "mapped", quick_look=False)
    copy = pickle.loads(pickle.dumps(mapper))
    assert copy.job is mapper.job
    outcomes = copy(find_work([path], mapper.job).items)
    assert [outcome.status for outcome in outcomes] == ["written", "written"]
    serial([path], mapper_of(tmp_path / "serial", quick_look=False))
    assert written(tmp_path / "mapped") == written(tmp_path / "serial") != {}


def test_a_mapper_for_other_working_directories_keeps_names_of_shipped_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = settings_of(output_dir=Path("maps"))[2]
    mapper = Mapper("default", ndvi=Path("ndvi"), elevation=Path("dem.tif"), output=output).absolute()
    assert (mapper.checkpoint, mapper.output.output_dir) == ("default", tmp_path / "maps")
    assert (mapper.ndvi, mapper.elevation) == (tmp_path / "ndvi", tmp_path / "dem.tif")
    assert Mapper("runs/mine").absolute().checkpoint == str(tmp_path / "runs" / "mine")


def test_without_the_extra_nothing_is_written_and_the_remedy_is_named(granules, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"`runner` DirectRunner: needs Apache Beam; run pip install 'lstsr-jax\[beam\]'"
    ):
        on_beam.predict([granules], mapper_of(tmp_path / "maps"))
    assert not (tmp_path / "maps").exists()


def test_results_go_where_other_users_may_write_and_killed_runs_leave_nothing(tmp_path):
    (tmp_path / ".beam-dead").mkdir()
    (tmp_path / ".beam-dead" / "00000.result").write_bytes(b"")
    (tmp_path / ".beam-gone.lock").touch()
    before = os.umask(0o002)
    try:
        with results_folder(tmp_path) as one, results_folder(tmp_path) as other:  # two runs, each in its own
            assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {one.name, other.name}
            assert one != other and one.stat().st_mode & 0o777 == 0o775
    finally:
        os.umask(before)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["direct_num_workers=2", "direct_running_mode=multi_processing"]])
def test_beam_writes_the_files_of_a_serial_run(granules, tmp_path, monkeypatch, options):
    if importlib.util.find_spec("apache_beam") is None:
        pytest.skip("Apache Beam is not installed: pip install 'lstsr-jax[beam]'")
    monkeypatch.setattr(on_beam, "GRANULES", 2)
    expected = serial([granules], mapper_of(tmp_path / "serial"))
    report = on_beam.predict([granules], mapper_of(tmp_path / "beam"), beam_options=options)
    assert told(report) == told(expected) and report.skipped == expected.skipped
    assert written(tmp_path / "beam") == written(tmp_path / "serial") and len(report.outcomes) == 12
    assert not [path for path in (tmp_path / "beam").iterdir() if path.is_dir()]
    again = on_beam.predict([granules], mapper_of(tmp_path / "beam"), beam_options=options)
    assert {outcome.status for outcome in again.outcomes} == {"finished"}


@pytest.mark.slow
def test_a_failing_pipeline_is_one_line(tmp_path):
    if importlib.util.find_spec("apache_beam") is None:
        pytest.skip("Apache Beam is not installed: pip install 'lstsr-jax[beam]'")
    from lstsr_jax.beam import on_beam as run
    from lstsr_jax.beam import pipeline_options

    with pytest.raises(InputError, match=r"^`runner` DirectRunner: the pipeline failed \(.*'no number'.*\)$"):
        list(run(int, ["no number"], tmp_path, "DirectRunner", pipeline_options("DirectRunner", [])))
