"""The library names settings in backticks; who types flags reads flags."""

import pytest

from lstsr_jax.cli import predict_arguments
from lstsr_jax.cli.build import build_arguments
from lstsr_jax.cli.door import door
from lstsr_jax.errors import InputError


@pytest.mark.parametrize(
    ("message", "printed"),
    [
        ("`methods` nope: unknown", "error: --methods nope: unknown"),
        ("`checkpoint` W: was trained with `train.use_validation`", "--checkpoint W: was trained with --train.use-val"),
        ("LST of `12 K`; give `Day_1km`", "error: LST of `12 K`; give `Day_1km`"),
    ],
)
def test_settings_are_flags_at_the_command_line(message, printed):
    def command():
        raise InputError(message)

    with pytest.raises(SystemExit, match=printed):
        door(command)


def test_dashes_before_options_of_beam_may_stay():
    for option in (["--beam-options", "--region=europe-west1"], ["--beam_options=--region=europe-west1"]):
        words = ["--runner", "DataflowRunner", *option, "--streaming", "--data_dir", "D", "--no-verify"]
        arguments = build_arguments(words)
        assert arguments.beam_options == ("region=europe-west1", "streaming")
        assert arguments.data.data_dir == "D" and not arguments.verify
    assert build_arguments(["--beam-options", "--a=1", "--data.patch-size", "32"]).data.patch_size == 32


def test_the_command_of_a_map_names_no_flag_that_changes_none(monkeypatch):
    flags = (
        "a.hdf --no-quick-look --verify --no-verify --batch 2 --overpass=day --date 2020-07-01 --product MOD11A1"
        " --stac --vrt --output_dir D --shard 0/2 --jobs 2 --no-overwrite --debug --tile 32"
    )
    monkeypatch.setattr("sys.argv", ["predict.py", *flags.split()])
    assert predict_arguments(flags.split()).command == "predict.py a.hdf --tile 32"
