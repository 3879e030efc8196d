"""Signals, full disks, bad values, other machines: what a run goes through."""

import csv
import dataclasses
import errno
import signal
from typing import ClassVar

import jax
import numpy as np
import pytest

from lstsr_jax import config as configs
from lstsr_jax.cli import train_arguments
from lstsr_jax.data import TrainingBatches
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation import check_unseen
from lstsr_jax.predictor import load_predictor
from lstsr_jax.predictor.checkpoint import fingerprint, step_directories
from lstsr_jax.training import Stopped, train
from lstsr_jax.training.checkpoints import Checkpoints, restore
from lstsr_jax.training.interrupts import Interrupts
from lstsr_jax.training.workdir import full_disk_is_bad_input


def with_train(config, **changes):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **changes))


def weights(workdir):
    return fingerprint(load_predictor(step_directories(workdir)[-1]).variables)


def rows(workdir):
    with (workdir / "log.csv").open(newline="") as file:
        return [{**row, "patches_per_second": None} for row in csv.DictReader(file)]


def after_step(program, number, action):
    """The program, with ``action`` called once, after the step of that number."""
    done = []

    def train_step(state, batch):
        result = program.train_step(state, batch)
        done.append(1)
        if len(done) == number:
            action()
        return result

    return dataclasses.replace(program, train_step=train_step)


def test_a_crash_loses_the_steps_since_the_last_checkpoint(config, dataset, program, uninterrupted, tmp_path):
    """Bit for bit: a run that fails in its second epoch and is resumed ends as the one that was never stopped."""

    class Crash(Exception):
        pass

    def crash():
        raise Crash

    crashing = after_step(program, len(dataset.source("train")) // config.train.batch_size + 2, crash)
    with pytest.raises(Crash):
        train(config, dataset, tmp_path / "w", program=crashing)
    assert len(step_directories(tmp_path / "w")) == 1
    train(config, dataset, tmp_path / "w", program=program, resume=True)
    assert weights(tmp_path / "w") == weights(uninterrupted)
    assert rows(tmp_path / "w") == rows(uninterrupted)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("where", ["within an epoch", "at its end"])
def test_a_signal_saves_and_the_run_goes_on_as_if_nothing_had_been(
    config, dataset, program, uninterrupted, tmp_path, capfd, number, where
):
    per_epoch = len(dataset.source("train")) // config.train.batch_size
    step = per_epoch + 2 if where == "within an epoch" else per_epoch
    before = signal.getsignal(number)
    signalled = after_step(program, step, lambda: signal.raise_signal(number))
    with pytest.raises(Stopped, match=rf"stopped after step {step} .* saved as .*checkpoints/{step}"):
        train(config, dataset, tmp_path / "w", program=signalled)
    assert "stopping after this step and saving" in capfd.readouterr().err
    assert signal.getsignal(number) is before
    assert step_directories(tmp_path / "w")[-1].name == str(step)
    saved = restore(step_directories(tmp_path / "w")[-1], program.initial_state(config), program.placement, {})
    assert int(saved.epoch_steps) == step % per_epoch
    train(config, dataset, tmp_path / "w", program=program, resume=True)
    assert weights(tmp_path / "w") == weights(uninterrupted)
    assert rows(tmp_path / "w") == rows(uninterrupted)


def test_a_signal_at_the_very_end_leaves_the_report_out(config, dataset, program, uninterrupted, tmp_path):
    steps = 3 * (len(dataset.source("train")) // config.train.batch_size)
    signalled = after_step(program, steps, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Stopped, match="training is done; saved as"):
        train(config, dataset, tmp_path / "w", program=signalled)
    assert weights(tmp_path / "w") == weights(uninterrupted)


@pytest.mark.parametrize("resume", [False, "auto"])
def test_two_runs_never_share_a_workdir(resume, config, dataset, program, uninterrupted, tmp_path):
    """The second is refused while the first is under way, and takes nothing from it."""
    workdir = tmp_path / "w"
    (workdir / ".config.0123456789abcdef.partial.json").parent.mkdir()
    (workdir / ".config.0123456789abcdef.partial.json").touch()  # of one that was killed

    def second():
        assert [path.name for path in workdir.glob(".*")] == [".lock"]
        with pytest.raises(InputError, match=r"`workdir` .*w: another process is training in it; choose another"):
            train(config, dataset, workdir, program=program, resume=resume)

    train(config, dataset, workdir, program=after_step(program, 2, second))
    assert weights(workdir) == weights(uninterrupted)
    assert rows(workdir) == rows(uninterrupted)


def test_resuming_needs_the_checkpoint_alone(config, dataset, program, uninterrupted, tmp_path):
    """A damaged or missing config.json of the workdir does not stand in the way."""
    for name in ("damaged", "missing"):
        train(with_train(config, epochs=1), dataset, tmp_path / name, program=program)
    (tmp_path / "damaged" / "config.json").write_text('{"model": {')
    (tmp_path / "missing" / "config.json").unlink()
    for name in ("damaged", "missing"):
        train(config, dataset, tmp_path / name, program=program, resume=True)
        assert weights(tmp_path / name) == weights(uninterrupted)


def test_a_run_is_resumed_with_its_own_flags(config, uninterrupted, tmp_path):
    arguments = train_arguments(["--resume", "--workdir", str(uninterrupted), "--train.epochs", "9"])
    assert arguments.config == with_train(config, epochs=9)
    named = train_arguments(["--resume", "--workdir", str(uninterrupted), "--preset", "paper"])
    assert named.config == configs.preset("paper")
    (tmp_path / "config.json").write_text('{"preset": "pa')
    with pytest.raises(InputError, match=r"config.json: damaged .* name the run's preset"):
        train_arguments(["--resume", "--workdir", str(tmp_path)])


@pytest.mark.parametrize(
    ("flags", "resume"),
    [
        (["--resume"], "yes"),
        (["--resume", "--train.epochs", "9"], "yes"),
        (["--resume", "auto", "--train.epochs", "9"], "auto"),
        (["--resume=auto"], "auto"),
        (["--no-resume", "--preset", "paper"], "no"),
        (["--preset", "paper"], "no"),
    ],
    ids=" ".join,
)
def test_resume_is_a_flag_or_auto(uninterrupted, config, flags, resume):
    arguments = train_arguments(["--workdir", str(uninterrupted), *flags])
    assert arguments.resume == resume
    own = with_train(config, epochs=arguments.train.epochs)
    assert arguments.config.model == (own if resume != "no" else configs.preset("paper")).model


def test_resume_auto_starts_and_goes_on(config, dataset, program, uninterrupted, tmp_path):
    with pytest.raises(InputError, match="name the --workdir"):
        train_arguments(["--resume", "auto"])
    assert train_arguments(["--resume", "auto", "--workdir", str(tmp_path / "w")]).preset == "quickstart"
    for epochs in (1, 3, 3):
        train(with_train(config, epochs=epochs), dataset, str(tmp_path / "w"), program=program, resume="auto")
    assert weights(tmp_path / "w") == weights(uninterrupted)
    assert rows(tmp_path / "w") == rows(uninterrupted)


def test_a_run_goes_on_with_its_own_patches_only(config, dataset, uninterrupted):
    class Grown:
        metadata: ClassVar = {**dataset.metadata, "patches": {"train": 99}}

    with pytest.raises(InputError, match="`resume`: the granules are not those of the run"):
        train(with_train(config, epochs=4), Grown(), uninterrupted, resume=True)


def test_training_on_validation_too_keeps_the_last_checkpoint(config, dataset, tmp_path):
    workdir = train(with_train(config, use_validation=True, epochs=2), dataset, tmp_path / "w")
    (last,) = step_directories(workdir)
    both = len(dataset.source("train")) + len(dataset.source("validation"))
    assert int(last.name) == 2 * (both // config.train.batch_size)
    with pytest.raises(InputError, match="use_validation"):
        check_unseen([load_predictor(workdir)], config.data, "validation")
    check_unseen([load_predictor(workdir)], config.data, "test")


def test_a_second_signal_is_not_held_back():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest's workers ignore it
    try:
        with pytest.raises(KeyboardInterrupt), Interrupts(0) as interrupts:
            assert interrupts.agree(1) == (False, False)
            signal.raise_signal(signal.SIGINT)
            assert interrupts.agree(1) == (False, True)
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_checkpoints_by_the_clock_change_nothing(config, dataset, program, uninterrupted, tmp_path, monkeypatch):
    saved, save = [], Checkpoints.save

    def noted(store, state, *arguments):
        saved.append(int(state.step))
        save(store, state, *arguments)

    monkeypatch.setattr(Checkpoints, "save", noted)
    train(with_train(config, checkpoint_minutes=1e-9), dataset, tmp_path / "w", program=program)
    assert saved == list(range(1, saved[-1] + 1))  # after every step
    assert weights(tmp_path / "w") == weights(uninterrupted)
    assert rows(tmp_path / "w") == rows(uninterrupted)
    assert 1 <= len(step_directories(tmp_path / "w")) <= 2  # the last and the best
    folder = tmp_path / "w" / "checkpoints"
    assert {path.name for path in folder.iterdir()} == {path.name for path in step_directories(tmp_path / "w")}


def test_a_run_killed_before_its_first_checkpoint_starts_anew(
    config, dataset, program, uninterrupted, tmp_path, capsys
):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "config.json").write_bytes((uninterrupted / "config.json").read_bytes())
    train(config, dataset, tmp_path / "w", program=program, resume=True)
    assert "no finished checkpoint: starting anew" in capsys.readouterr().err
    assert weights(tmp_path / "w") == weights(uninterrupted)


def test_resumes_on_another_number_of_devices(config, dataset, program, uninterrupted, tmp_path):
    train(with_train(config, epochs=1), dataset, tmp_path / "w", devices=jax.devices()[:1])
    train(config, dataset, tmp_path / "w", resume=True, program=program)  # of two devices
    ours, theirs = (load_predictor(step_directories(w)[-1]).variables for w in (tmp_path / "w", uninterrupted))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), ours, theirs)


def test_a_loss_that_is_not_finite_names_its_patches_and_is_never_saved(config, dataset, program, tmp_path):
    workdir = tmp_path / "w"
    train(with_train(config, epochs=1), dataset, workdir, program=program)
    source = dataset.source("train")
    batches = TrainingBatches(source, config, devices=1)
    step = batches.steps_per_epoch + 3
    seen = []

    def poisoned(state, batch):
        if int(state.step) == step:
            seen.append(batch)
            state = state.replace(params=jax.tree.map(lambda leaf: leaf * np.nan, state.params))
        return program.train_step(state, batch)

    hurried = with_train(config, checkpoint_minutes=1e-9)
    with pytest.raises(InputError, match=rf"at step {step + 1} \(epoch 2\).* row \d+ col .*last good") as error:
        train(hurried, dataset, workdir, program=dataclasses.replace(program, train_step=poisoned), resume=True)
    assert "\n" not in str(error.value)
    last = step_directories(workdir)[-1]
    assert str(last) in str(error.value) and int(last.name) == step
    assert np.isfinite([np.abs(leaf).max() for leaf in jax.tree.leaves(load_predictor(last).variables)]).all()
    with (workdir / "not_finite.csv").open(newline="") as file:
        listed = [(row["granule"], int(row["row"]), int(row["col"])) for row in csv.DictReader(file)]
    examples = [source[index] for index in batches.examples(step)]
    assert listed == [(example["granule"].decode(), int(example["row"]), int(example["col"])) for example in examples]
    assert len(listed) == config.train.batch_size == seen[0]["lst"].shape[0] * seen[0]["lst"].shape[1]


@pytest.mark.parametrize("when", ["save", "wait_until_finished"])
def test_a_full_disk_is_one_line_and_the_last_good_checkpoint_stays(
    config, dataset, program, tmp_path, monkeypatch, when
):
    workdir = tmp_path / "w"
    train(with_train(config, epochs=1), dataset, workdir, program=program)
    (good,) = step_directories(workdir)
    create = Checkpoints.__init__

    def on_a_full_disk(store, *arguments):
        create(store, *arguments)

        def fail(*_, **__):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(store._manager, when, fail)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "__init__", on_a_full_disk)
        with pytest.raises(InputError, match="the disk is full; the last good checkpoint is") as error:
            train(config, dataset, workdir, program=program, resume=True)
    assert "\n" not in str(error.value) and str(workdir) in str(error.value)
    assert good.is_dir() and weights(workdir)


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(OSError, match="denied"), full_disk_is_bad_input(tmp_path):
        raise OSError(errno.EACCES, "Permission denied")
    with pytest.raises(InputError, match="no checkpoint was written yet"), full_disk_is_bad_input(tmp_path):
        raise ValueError("INTERNAL: write failed: No space left on device")
