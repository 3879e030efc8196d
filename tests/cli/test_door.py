"""How commands end: one line for bad input, quietly where nobody reads on, a traceback only where asked for."""

import dataclasses
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from lstsr_jax.cli import door, eval_arguments, predict_arguments, start_jax, train_arguments
from lstsr_jax.errors import InputError
from lstsr_jax.predictor import checkpoint, shipped


def failing(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InputError("x.hdf: damaged; download it again"), "error: x.hdf: damaged; download it again"),
        (PermissionError(13, "Permission denied", "/y"), "error: /y: Permission denied; check the path"),
        (OSError("odd"), "error: odd; check the path"),
        (OSError(28, "No space left on device", "d/.x.0123456789abcdef.partial.tif"), "error: d/x.tif: No space left"),
        (MemoryError(), "error: Out of memory; give it more memory"),
        (RuntimeError("can't start new thread"), "error: No more threads can be started; raise the limit"),
        (ValueError("[OS error 5: EIO Input/output error]"), "error: Input/output error; the disk or the network"),
        (ImportError("libx.so: failed to map segment from shared object"), "error: Out of memory;"),
    ],
)
def test_bad_input_is_one_line_unless_debugged(error, text, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["predict.py", "x"])
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    with pytest.raises(SystemExit) as caught:
        door(failing(error))
    assert str(caught.value).startswith(text) and "\n" not in str(caught.value)
    monkeypatch.setattr(sys, "argv", ["predict.py", "x", "--debug"])
    with pytest.raises(type(error)):
        door(failing(error))


def test_a_bug_is_not_told_as_bad_input():
    with pytest.raises(ZeroDivisionError):
        door(lambda: 1 / 0)


def test_a_disk_that_fails_while_modules_are_loaded_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "failing_command.py").write_text("raise OSError(5, 'Input/output error', 'partial_eval.py')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    with pytest.raises(SystemExit, match=r"^error: partial_eval.py: Input/output error; [^\n]*$"):
        door("failing_command")


@pytest.mark.parametrize(("number", "said"), [("SIGTERM", "terminated: stopping"), ("SIGHUP", "SIGHUP: stopping")])
def test_a_signal_of_a_batch_system_is_one_line_and_removes_what_is_half_done(number, said, tmp_path):
    code = (
        "import os, signal\nfrom lstsr_jax.cli import door\nfrom lstsr_jax.files import replacing\n"
        f"def run():\n with replacing('x.tif') as half:\n  half.touch(); os.kill(os.getpid(), signal.{number})\n"
        "  signal.pause()\ndoor(run)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(checkpoint.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (128 + getattr(signal, number), said + "\n")
    assert list(tmp_path.iterdir()) == []


def test_what_the_caller_ignores_stays_ignored():
    code = "import os, signal; from lstsr_jax.cli import door; door(lambda: os.kill(os.getpid(), signal.SIGHUP))"
    environment = {**os.environ, "PYTHONPATH": str(Path(checkpoint.__file__).parents[2])}
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", code]
    assert subprocess.run(command, env=environment).returncode == 0


def test_nobody_reads_on():
    code = "from lstsr_jax.cli import door; door(lambda: print('x' * 10**6))"
    environment = {**os.environ, "PYTHONPATH": str(Path(checkpoint.__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_closed_streams_and_names_of_any_bytes(stream, monkeypatch):
    monkeypatch.setattr(sys, stream, None)
    door(lambda: print("donn\udce9es", file=getattr(sys, stream)))
    getattr(sys, stream).close()
    raw = io.BytesIO()
    monkeypatch.setattr(sys, stream, io.TextIOWrapper(raw, "utf-8", "strict"))
    door(lambda: print("donn\udce9es", file=getattr(sys, stream), flush=True))
    assert raw.getvalue() == b"donn\\udce9es\n"


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("Unable to initialize backend")])
def test_a_device_that_is_not_there_names_the_variable(error, monkeypatch):
    monkeypatch.setattr(jax, "devices", failing(error))
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(InputError, match="JAX_PLATFORMS=cuda: JAX finds no such device here; unset it"):
        start_jax()
    monkeypatch.delenv("JAX_PLATFORMS")
    with pytest.raises(InputError, match="JAX_PLATFORMS=cpu does without"):
        start_jax()


def test_a_tilde_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/x")
    found = predict_arguments(["~/a.hdf", "--checkpoint=~/c", "--ndvi=~/n", "--output-dir=~/o"])
    assert found.files == (Path("/home/x/a.hdf"),)
    assert (found.checkpoint, found.ndvi) == ("/home/x/c", Path("/home/x/n"))
    assert found.output.output_dir == Path("/home/x/o")
    paths = ("checkpoint", "granules", "ndvi", "data_dir", "report_dir")
    found = eval_arguments([f"--{name.replace('_', '-')}=~/{name}" for name in paths])
    values = {name: str(getattr(found, name)) for name in paths[1:]}
    assert found.checkpoint == ("/home/x/checkpoint",)
    assert values == {name: f"/home/x/{name}" for name in paths[1:]}
    found = train_arguments(["--workdir=~/w", "--granules=~/g", "--data.data-dir=~/d", "--profile=~/p"])
    assert (found.workdir, found.profile) == (Path("/home/x/w"), Path("/home/x/p"))
    assert (found.data.granules, found.data.data_dir) == ("/home/x/g", "/home/x/d")


@pytest.mark.parametrize("parse", [predict_arguments, eval_arguments, train_arguments])
def test_help_names_debug_and_the_shipped_models(parse, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(SystemExit):
        parse(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--debug" in text
    if parse is not train_arguments:
        assert {"default", "denoise"} <= set(shipped.names()) and ", ".join(shipped.names()) in text


def test_a_folder_called_like_a_shipped_model(tmp_path, monkeypatch, capsys):
    checkpoint._tell_clash.cache_clear()
    monkeypatch.chdir(tmp_path)
    model = checkpoint.find_checkpoint("default")
    assert capsys.readouterr().err == ""
    (tmp_path / "default").mkdir()
    assert checkpoint.find_checkpoint("default") == checkpoint.find_checkpoint("default") == model
    said = capsys.readouterr().err
    assert said == f"note: default is the shipped model; for the folder of that name give .{os.sep}default\n"
    with pytest.raises(InputError, match="default: holds no finished checkpoint"):
        checkpoint.find_checkpoint("./default")


def test_arguments_are_dataclasses_that_can_be_replaced():
    arguments = predict_arguments(["x.hdf", "--debug"])
    assert arguments.debug and dataclasses.replace(arguments, debug=False).files == (Path("x.hdf"),)
