"""The pipeline of one machine: overlapped steps give what one layer after the other gives, and no more are in work."""

import datetime
import re
import shutil
import threading

import jax
import pytest

from lstsr_jax import as_super_resolver, upsample
from lstsr_jax.errors import InputError
from lstsr_jax.geo import simulate_granule, write_granule
from lstsr_jax.product import Job, choose_method, find_work, map_item, pipeline, predict, settings_of
from lstsr_jax.product.methods import MapMethod
from lstsr_jax.product.pipeline import map_items

PATIENCE_S = 60.0  # for another thread, which never takes that long


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    """Three granules of 40 x 40, and the damaged first half of another."""
    folder = tmp_path_factory.mktemp("season")
    for day in range(4):
        granule = simulate_granule(day, date=datetime.date(2020, 7, 1 + day), size=40, cloud_fraction=0.2)
        (path,) = write_granule(granule, folder, "hdf4")
        if day == 1:
            path.write_bytes(path.read_bytes()[:2000])
    return folder


def job_of(directory, method=None, **options):
    return Job(method or choose_method(None, "bicubic"), *settings_of(output_dir=directory, tile=32, **options))


@jax.jit
def convolve(coarse):
    """Bicubic, and what a convolution makes of it."""
    fine = upsample(coarse)
    kernel = jax.random.normal(jax.random.key(0), (5, 5, 1, 1)) / 50
    form = ("NHWC", "HWIO", "NHWC")
    return fine + jax.lax.conv_general_dilated(fine - 290, kernel, (1, 1), "SAME", dimension_numbers=form)


def told(outcomes, folder):
    return [re.sub(r", \d+\.\d s$", "", str(outcome).replace(str(folder), "O")) for outcome in outcomes]


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("jobs", [1, 3])
def test_overlapped_steps_give_what_one_by_one_gives(season, jobs, tmp_path):
    options = dict(overpass="day", quick_look=jobs == 1)
    one, many = job_of(tmp_path / "one", **options), job_of(tmp_path / "many", jobs=jobs, **options)
    items = find_work([season], one).items
    expected = [map_item(item, one) for item in items]
    assert [outcome.status for outcome in expected].count("failed") == 1
    found = list(map_items(items, many))
    assert told(found, tmp_path / "many") == told(expected, tmp_path / "one")
    assert content(tmp_path / "many") == content(tmp_path / "one")


def test_a_network_gives_the_same_map_beside_other_work(season, tmp_path):
    network = MapMethod(as_super_resolver(convolve), "mine", "a network")
    one, many = (job_of(tmp_path / name, network, quick_look=False) for name in ("one", "many"))
    items = find_work([season], one).items[:4]
    for item in items:
        map_item(item, one)
    list(map_items(items, many))
    assert content(tmp_path / "many") == content(tmp_path / "one")
    with pytest.raises(InputError, match="`jobs` 2: a network has the whole device by itself"):
        job_of(tmp_path, network, jobs=2)


def test_the_next_is_read_and_the_last_is_written_while_the_device_computes(season, tmp_path, monkeypatch):
    """Every step of the second layer waits for a step of a neighbour that only another thread can have made."""
    job = job_of(tmp_path, overpass="day")
    items = (
        find_work(sorted(season.glob("*.hdf"))[2:], job).items + find_work(sorted(season.glob("*.hdf"))[:1], job).items
    )
    names = [item.layer.path for item in items]
    begun, computed, ended = ({name: threading.Event() for name in names} for _ in range(3))

    def begin(item, job, begin=pipeline.begin):
        found = begin(item, job)
        begun[item.layer.path].set()
        return found

    def compute(found, job, progress, compute=pipeline.compute):
        if found.layer.path == names[1]:
            assert begun[names[2]].wait(PATIENCE_S)
            computed[names[1]].set()
            assert ended[names[0]].wait(PATIENCE_S)
        return compute(found, job, progress)

    def end(found, job, end=pipeline.end):
        if found.layer.path == names[0]:
            assert computed[names[1]].wait(PATIENCE_S)
        outcome = end(found, job)
        ended[found.layer.path].set()
        return outcome

    for name, step in (("begin", begin), ("compute", compute), ("end", end)):
        monkeypatch.setattr(pipeline, name, step)
    assert [outcome.status for outcome in map_items(items, job)] == ["written"] * 3


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_are_in_work_than_threads_and_what_has_not_begun_is_given_up(threads):
    drawn, done = [], []

    def items():
        for number in range(1000):
            drawn.append(number)
            yield number

    results = pipeline._ahead(done.append, items(), threads)
    for count in range(1, 6):
        next(results)
        assert len(drawn) == count + threads
    results.close()
    assert len(done) <= len(drawn) == 5 + threads


def test_an_error_comes_when_its_turn_comes_and_ends_the_threads():
    before = threading.active_count()
    results = pipeline._ahead((lambda number: 6 // number), [3, 2, 0, 1], 2)
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_two_copies_of_one_granule_in_one_run_are_made_once(season, tmp_path, jobs):
    first = sorted(season.glob("*.hdf"))[0]
    copies = [tmp_path / "in" / f"copy{number}.hdf" for number in range(3)]
    (tmp_path / "in").mkdir()
    for copy in copies:
        shutil.copy2(first, copy)
    method = choose_method(None, "bicubic")
    report = predict(copies, method, *settings_of(output_dir=tmp_path / "out", tile=32, overpass="day", jobs=jobs))
    assert [outcome.status for outcome in report.outcomes] == ["written", "finished", "finished"]
    assert [outcome.note for outcome in report.outcomes[1:]] == ["left as it is"] * 2


def test_a_run_that_is_left_early_holds_nobody_up(season, tmp_path):
    """Neither its own threads, which wait for a copy's output, nor the next run of the same job."""
    first = sorted(season.glob("*.hdf"))[0]
    copies = [tmp_path / "in" / f"copy{number}.hdf" for number in range(3)]
    (tmp_path / "in").mkdir()
    for copy in copies:
        shutil.copy2(first, copy)
    job = Job(choose_method(None, "bicubic"), *settings_of(output_dir=tmp_path / "out", tile=32, overpass="day"))
    items = find_work(copies, job).items
    left = map_items(items, job)
    assert next(left).status == "written"
    left.close()
    assert [outcome.status for outcome in map_items(items, job)] == ["finished"] * 3


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_jobs_is_refused(jobs):
    with pytest.raises(InputError, match="`jobs`"):
        settings_of(jobs=jobs)
