"""A map without any data at hand, and how the training's last line leads to one."""

import shlex
import sys
from pathlib import Path

import pytest
import rasterio

from lstsr_jax.cli import predict as command
from lstsr_jax.cli import predict_arguments, train_arguments
from lstsr_jax.cli.train import map_command, resume_command
from lstsr_jax.errors import InputError
from lstsr_jax.product import demo


def run(flags, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["predict.py", *flags])
    command.main()
    return capsys.readouterr().out.splitlines()


def test_a_simulated_granule_is_mapped_and_the_last_lines_say_where(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "SIZE", 40)
    flags = ["--demo", "--output-dir", str(tmp_path), "--method"]
    for method in ("bicubic", "tsharp"):  # one after the other in one folder; the second takes the NDVI beside it
        lines = run([*flags, method], monkeypatch, capsys)
        assert lines[0].startswith("simulated granule, no observation: ")
        (shown, at), (picture, drawn) = (line.split(": ") for line in lines[-2:])
        assert (shown, picture) == ("map", "picture") and Path(drawn).read_bytes().startswith(b"\x89PNG")
        with rasterio.open(at) as file:
            assert file.shape == (160, 160) and method in file.tags()["method"]


@pytest.mark.slow
def test_the_default_is_mapped(tmp_path, monkeypatch, capsys):
    lines = run(["--demo", "--output-dir", str(tmp_path)], monkeypatch, capsys)
    with rasterio.open(lines[-2].removeprefix("map: ")) as file:
        assert file.shape == (4 * demo.SIZE,) * 2 and file.tags()["model"] == "default"


def test_a_demo_takes_no_files():
    with pytest.raises(InputError, match="--demo: maps a granule that it simulates itself"):
        predict_arguments(["--demo", "a.hdf"])


@pytest.mark.parametrize("guide", ["none", "ndvi"])
@pytest.mark.parametrize("own", [True, False])
def test_the_training_says_how_to_see_a_map(own, guide, granules, tmp_path, monkeypatch):
    data = ["--granules", str(granules)] if own else []
    monkeypatch.setattr("sys.argv", ["/somewhere/lstsr-train"])
    training = train_arguments([*data, "--model.guide", guide, "--workdir", str(tmp_path / "a b")])
    door, *flags = shlex.split(map_command(training, tmp_path / "a b"))
    arguments = predict_arguments(flags)
    assert door == "/somewhere/lstsr-predict" and arguments.checkpoint == str(tmp_path / "a b")
    assert arguments.demo == (guide == "ndvi" or not own)
    assert all(path.parent == granules and path.is_file() for path in arguments.files)


def test_the_next_command_is_one_that_the_shell_finds(tmp_path, monkeypatch):
    training = train_arguments(["--workdir", "W"])
    monkeypatch.setattr("sys.argv", ["train.py"])
    assert resume_command(training, tmp_path) == f"{sys.executable} train.py --resume --workdir {tmp_path}"
    monkeypatch.setattr("sys.argv", [str(tmp_path / "lstsr-train")])
    assert resume_command(training, Path("W")) == f"{tmp_path}/lstsr-train --resume --workdir W"
    for name in ("lstsr-train", "lstsr-predict"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert resume_command(training, Path("W")) == "lstsr-train --resume --workdir W"
    assert map_command(training, Path("W")).startswith("lstsr-predict --demo --checkpoint W")
