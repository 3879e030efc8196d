"""Shards: together they make what one run makes, byte for byte, and say what one run says."""

import datetime
import re
import shutil
import sys
import threading

import pytest

from lstsr_jax.cli import predict_arguments
from lstsr_jax.errors import InputError
from lstsr_jax.geo import simulate_granule, write_granule
from lstsr_jax.product import Job, Shard, choose_method, find_work, merge_reports, pipeline, predict, settings_of

REQUEST = dict(tile=32, overlap=8, quick_look=False)


def run(files, directory, shard=None, **options):
    settings = settings_of(output_dir=directory, **{**REQUEST, **options})
    return predict(files, choose_method(None, "bicubic"), *settings, command="test", shard=shard)


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    """Four granules of 40 x 40, one of them damaged, and a file that is none."""
    folder = tmp_path_factory.mktemp("season")
    for day in range(4):
        granule = simulate_granule(day, date=datetime.date(2020, 7, 1 + day), size=40, cloud_fraction=0.2)
        (path,) = write_granule(granule, folder, "hdf4")
    path.write_bytes(path.read_bytes()[:2000])
    (folder / "notes.doc").write_text("of the season")
    return folder


@pytest.fixture(scope="module")
def alone(season, tmp_path_factory):
    """One run over everything: its folder and its report without times."""
    folder = tmp_path_factory.mktemp("alone")
    return folder, spoken(run([season, season / "missing.hdf"], folder), folder)


def spoken(report, folder):
    return re.sub(r", \d+\.\d s$", "", str(report).replace(str(folder), "O"), flags=re.MULTILINE)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith("report.")}


def test_together_they_make_and_say_what_one_run_does(season, alone, tmp_path):
    files = [season, season / "missing.hdf"]
    threads = [threading.Thread(target=run, args=(files, tmp_path, Shard(index, 3))) for index in (2, 0, 1)]
    for thread in threads:  # at the same time in one folder
        thread.start()
    for thread in threads:
        thread.join()
    assert content(tmp_path) == content(alone[0]) and len(content(tmp_path)) == 12
    merged = merge_reports(tmp_path)
    assert spoken(merged, tmp_path) == alone[1]
    assert alone[1].splitlines()[-1] == "6 written, 3 failed" and "skipped: 1 other file" in alone[1]


def test_a_share_is_every_nth_granule_wherever_the_files_lie(season, tmp_path):
    moved = tmp_path / "a mount"
    shutil.copytree(season, moved)
    shares = []
    for folder in (season, moved):
        job = Job(choose_method(None, "bicubic"), *settings_of(output_dir=tmp_path / "out"))
        work = find_work([folder], job)
        names = sorted(path.name for path in folder.glob("*.hdf"))
        parts = [work.shard(Shard(index, 3)) for index in range(3)]
        assert [[item.layer.path.name for item in part.items[::2]] for part in parts] == [
            names[index::3] for index in range(3)
        ]
        assert sorted(item for part in parts for item in part.items) == work.items
        shares.append((work.fingerprint(), [[item.place for item in part.items] for part in parts]))
    assert shares[0] == shares[1]


def test_a_killed_shard_goes_on(season, alone, tmp_path, monkeypatch):
    files, shard = [season, season / "missing.hdf"], Shard(0, 2)
    run(files, tmp_path, shard, overpass="day")
    run(files, tmp_path, Shard(1, 2))
    done = []

    def killed(begun, job, end=pipeline.end):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(end(begun, job))
        return done[-1]

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pipeline, "_MOST_WRITERS", 1)
        patch.setattr(pipeline, "end", killed)
        run(files, tmp_path, shard)
    with pytest.raises(InputError, match="no report of shard 0/2: it has not come to its end"):
        merge_reports(tmp_path)
    assert [outcome.status for outcome in run(files, tmp_path, shard).outcomes] == ["failed"] + ["finished"] * 3 + [
        "written"
    ]
    assert content(tmp_path) == content(alone[0])
    assert str(merge_reports(tmp_path)).splitlines()[-1] == "3 written, 3 finished, 3 failed"


def test_more_shards_than_granules(season, tmp_path):
    report = run([season], tmp_path, Shard(8, 9))
    assert str(report) == "0 written" and (tmp_path / "report.8-of-9.json").is_file()


def test_reports_that_do_not_belong_together_are_refused(season, tmp_path):
    with pytest.raises(InputError, match=r"holds no report of a shard .*`output_dir`"):
        merge_reports(tmp_path)
    (granule, *_) = sorted(season.glob("*.hdf"))
    run([granule], tmp_path, Shard(1, 2))
    run([season], tmp_path, Shard(0, 2), overpass="day")
    with pytest.raises(InputError, match=r"shard 1/2 was of another run than shard 0/2 \(other files\)"):
        merge_reports(tmp_path)
    run([granule], tmp_path, Shard(0, 3))
    with pytest.raises(InputError, match=r"reports of 2 and of 3 shards; remove"):
        merge_reports(tmp_path)
    (tmp_path / "report.0-of-3.json").write_text("{}")
    for path in tmp_path.glob("report.*-of-2.json"):
        path.unlink()
    for index in (1, 2):
        run([granule], tmp_path, Shard(index, 3))
    with pytest.raises(InputError, match=r"report.0-of-3.json: damaged .*run that shard again"):
        merge_reports(tmp_path)


def test_a_box_that_one_shard_does_not_reach_is_no_error_of_that_shard(season, tmp_path):
    box = dict(bbox=(100, 0, 101, 1))
    for index in range(2):
        assert not run(sorted(season.glob("*.hdf"))[:3], tmp_path, Shard(index, 2), **box).failed
    with pytest.raises(InputError, match="`bbox` 100 0 101 1: none of the granules reaches it"):
        merge_reports(tmp_path)


@pytest.mark.parametrize("text", ["3/3", "-1/2", "a/b", "0/0", "1", "1/2/3", "", "٠/٣", "0.5/2", " 0/2"])
def test_a_share_that_is_none_is_one_line(text):
    with pytest.raises(InputError) as error:
        predict_arguments(["a.hdf", "--method", "bicubic", "--shard", text])
    assert str(error.value).startswith(f"--shard {text}: give I/N") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=3", "1/3"),
        ("SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=3", "2/3"),
        (
            "SLURM_ARRAY_TASK_ID=8 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=8 "
            "SLURM_ARRAY_TASK_STEP=4",
            "2/3",
        ),
        ("JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=200", "0/200"),
        ("SLURM_ARRAY_TASK_ID=0 JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=200", "0/200"),
    ],
)
def test_the_scheduler_says_which_share(environment, expected):
    assert str(Shard.parse("env", dict(pair.split("=") for pair in environment.split()))) == expected


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("", "SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT and JOB_COMPLETION_INDEX and JOB_COMPLETIONS are not set"),
        ("JOB_COMPLETION_INDEX=4", "JOB_COMPLETIONS is not set; give I/N"),
        ("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=3 JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=2", "are set; give"),
        ("JOB_COMPLETION_INDEX=2 JOB_COMPLETIONS=2", "`shard` 2/2: give I/N"),
        ("JOB_COMPLETION_INDEX=x JOB_COMPLETIONS=2", "JOB_COMPLETION_INDEX=x: no number"),
        # One task of an array given again by its number: of how many it was one is not said.
        ("SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=7 SLURM_ARRAY_TASK_MAX=7", "such as 7/N"),
        ("SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=9", "such as 9/N"),
    ],
)
def test_a_scheduler_that_does_not_say_which_share_is_one_line(environment, message):
    with pytest.raises(InputError) as error:
        Shard.parse("env", dict(pair.split("=") for pair in environment.split()))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_the_recorded_command_is_of_what_decides_the_maps(monkeypatch):
    flags = "a.hdf --shard 0/3 --output-dir x --method=bicubic --output_dir=y --overwrite --tile 32 --debug"
    monkeypatch.setattr(sys, "argv", ["predict.py", *flags.split()])
    assert predict_arguments(flags.split()).command == "predict.py a.hdf --method=bicubic --tile 32"


def test_merging_takes_no_files():
    with pytest.raises(InputError, match="--merge-reports: takes --output-dir and --vrt only"):
        predict_arguments(["a.hdf", "--merge-reports"])
