import dataclasses
import json

import pytest

from lstsr_jax import config as configs
from lstsr_jax import load_predictor
from lstsr_jax.cli import eval_arguments, train_arguments
from lstsr_jax.errors import InputError


def test_paper_preset_is_the_papers():
    config = configs.preset("paper")
    assert (config.train.epochs, config.train.batch_size) == (300, 32)
    assert (config.train.learning_rate, config.train.decay_epoch, config.train.decay_factor) == (1e-4, 50, 0.01)
    assert (config.model.name, config.model.width, config.model.bridge_blocks) == ("mrunet", 64, 1)
    assert (config.model.normalization, config.model.upsampling) == ("train_max", "bicubic")
    assert (config.data.split_by, config.data.min_valid_fraction, config.train.augment) == ("random", 1.0, "flip")


def test_authors_code_preset_differs_where_their_code_does():
    config = configs.preset("authors-code")
    assert (config.train.learning_rate, config.train.decay_factor, config.train.batch_size) == (1e-3, 1.0, 24)
    assert config.model.upsampling == "bilinear"


def test_the_edsr_preset_trains_the_network_of_the_default():
    assert configs.preset("edsr").model == load_predictor("default").config


def test_a_configuration_of_ones_own_claims_no_preset():
    assert configs.Config().preset not in configs.PRESETS
    old = configs.to_json(configs.preset("recommended"))
    assert configs.from_json(old).preset == "recommended"
    del old["preset"]
    assert configs.from_json(old).preset == "custom"


@pytest.mark.parametrize("name", configs.PRESETS)
def test_json_round_trip(name):
    config = configs.preset(name)
    assert configs.from_json(json.loads(json.dumps(configs.to_json(config)))) == config


def test_json_of_another_version():
    values = configs.to_json(configs.preset("paper"))
    values["model"]["depth_of_field"] = 3
    with pytest.raises(InputError, match="does not fit this version"):
        configs.from_json(values)


def test_without_any_flag_it_is_the_quick_start():
    assert train_arguments([]).config == configs.preset("quickstart")


def test_every_field_is_a_flag():
    arguments = train_arguments(
        ["--preset", "paper", "--granules", "dir", "--model.width", "16", "--train.batch-size", "64", "--resume"]
    )
    assert arguments.config.data.granules == "dir" and arguments.resume
    paper = configs.preset("paper")
    assert arguments.config.model == dataclasses.replace(paper.model, width=16)
    assert arguments.config.train == dataclasses.replace(paper.train, batch_size=64)


def test_help_shows_the_presets_own_values(capsys):
    with pytest.raises(SystemExit) as end:
        train_arguments(["--preset", "paper", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "default: 300" in text and "default: 0.0001" in text and "default: train_max" in text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--preset", "nope"], "choose one of quickstart, paper"),
        (["--train.epochs", "0"], "must be positive"),
        (["--data.patch-size", "30"], "multiple of the factor 4"),
        (["--data.patch-size", "12"], "at least 15"),
        (["--train.crop", "30"], "multiple of the factor 4"),
        (["--train.crop", "128"], "at most --data.patch-size 64"),
        (["--model.anomaly-scale-k", "0"], "must be positive"),
        (["--data.min-valid-fraction", "1.5"], r"in \(0, 1\]"),
    ],
)
def test_values_no_run_could_use(flags, message):
    with pytest.raises(InputError, match=message):
        train_arguments(flags)


def test_eval_flags():
    arguments = eval_arguments(["--checkpoint", "A", "--checkpoint", "B", "--methods", "bicubic, bilinear,bicubic"])
    assert arguments.checkpoint == ("A", "B") and arguments.method_names == ("bicubic", "bilinear")
    with pytest.raises(InputError, match="at least one checkpoint"):
        eval_arguments(["--methods", ""])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--methods bicubic --self-ensemble", "--self-ensemble: is a network's; give --checkpoint"),
        ("--methods bicubic --reliability", "--reliability: is a network's; give --checkpoint"),
        ("--checkpoint A --reliability --protocol paper", "leave --pairs, --split and --protocol out"),
        ("--checkpoint A --reliability --pairs D", "leave --pairs, --split and --protocol out"),
        ("--checkpoint A --coarsen 0", "--coarsen 0: must be positive"),
        ("--checkpoint A --pairs D --coarsen 2", "--coarsen out"),
    ],
)
def test_eval_flags_that_do_not_go_together(flags, message):
    with pytest.raises(InputError, match=message):
        eval_arguments(flags.split())
