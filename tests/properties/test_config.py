"""Configurations: any valid one to JSON and back; any other is one line that names the setting."""

import dataclasses
import json
import typing

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lstsr_jax.config import GUIDES, PRESETS, Config, DataConfig, ModelConfig, TrainConfig, from_json, preset, to_json
from lstsr_jax.errors import InputError

PARTS = {"data": DataConfig, "model": ModelConfig, "train": TrainConfig}
texts = st.text("ab/.-é \n\"'", max_size=6)


def literal(part, name):
    annotation = typing.get_type_hints(part)[name]
    options = typing.get_args(annotation)
    return st.sampled_from(
        [c for option in options for c in (typing.get_args(option) or (option,)) if c is not type(None)]
    )


positive, share = st.floats(1e-6, 1e6), st.floats(0, 1)
guides = st.lists(st.sampled_from(GUIDES), min_size=1, max_size=3).map(",".join) | st.just("none")
named = literal(ModelConfig, "name")
networks = st.tuples(named, st.integers(1, 16)).map(  # eight orientations share the width of an equivariant network
    lambda pair: {"name": pair[0], "width": pair[1] * (8 if pair[0] == "edsr-equivariant" else 5)}
)
models = st.builds(
    lambda network, **others: ModelConfig(**network, **others),
    networks,
    bridge_blocks=st.integers(1, 4),
    guide=guides,
    factor=st.sampled_from([1, 2, 4, 8]),
    upsampling=st.sampled_from(["bicubic", "bilinear"]),
    normalization=literal(ModelConfig, "normalization"),
    anomaly_scale_k=positive,
    conserve_energy=st.booleans(),
)
trains = st.builds(
    TrainConfig,
    epochs=st.integers(1, 999),
    learning_rate=positive,
    init=st.none() | texts,
    loss=literal(TrainConfig, "loss"),
    schedule=literal(TrainConfig, "schedule"),
    augment=literal(TrainConfig, "augment"),
    crop=st.sampled_from([0, 16]),
    input_noise_k=st.integers(0, 2) | share,
    average_decay=st.floats(0, 0.9999),
    use_validation=st.booleans(),
    guide_dropout=share,
    seed=st.integers(0, 2**32 - 1),
    dtype=literal(TrainConfig, "dtype"),
)
datas = st.builds(
    DataConfig,
    granules=st.none() | texts,
    ndvi=st.none() | texts,
    split_by=literal(DataConfig, "split_by"),
    patch_size=st.sampled_from([16, 32, 64]),
    stride=st.integers(1, 64),
    min_valid_fraction=st.floats(1e-6, 1),
    max_lst_error_k=st.sampled_from([None, 1, 2, 3]),
    mix_periods=st.booleans(),
)
shift = st.tuples(st.floats(-5, 5), st.integers(-5, 5))
paired = st.builds(DataConfig, pairs=texts, pairs_fold=st.sampled_from([None, "0/5", "2", "1/2"]), pairs_shift=shift)
configs = st.builds(Config, texts, datas, models, trains) | st.builds(
    Config, texts, paired, models.map(lambda model: dataclasses.replace(model, factor=4)), trains
)


@settings(max_examples=15)
@given(configs)
@example(Config(data=DataConfig(pairs="x", pairs_shift=[0.5, -1])))
def test_any_configuration_there_and_back(config):
    again = from_json(json.loads(json.dumps(to_json(config))))
    assert again == config and to_json(again) == to_json(config)
    assert hash(again) == hash(config)


@settings(max_examples=10)
@given(st.sampled_from(sorted(PRESETS)), st.sampled_from(sorted(PARTS)), st.data())
def test_a_part_that_is_replaced_is_checked_anew(name, part, data):
    config = preset(name)
    fields = [field.name for field in dataclasses.fields(PARTS[part])]
    again = {field: getattr(getattr(config, part), field) for field in data.draw(st.sets(st.sampled_from(fields)))}
    assert dataclasses.replace(config, **{part: dataclasses.replace(getattr(config, part), **again)}) == config


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | texts | st.sampled_from(["0/5", "ndvi"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


def refused_or_itself(values):
    try:
        config = from_json(values)
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 700
    else:
        text = json.dumps(to_json(config), allow_nan=False)  # what no checkpoint could keep is no configuration
        assert from_json(json.loads(text)) == config


@settings(max_examples=60)
@given(st.sampled_from(sorted(PRESETS)), st.sampled_from(sorted(PARTS)), st.data(), anything)
def test_any_value_of_a_setting_is_taken_or_refused_in_one_line(name, part, data, value):
    values = to_json(preset(name))
    field = data.draw(st.sampled_from([field.name for field in dataclasses.fields(PARTS[part])]))
    values[part] = {**values[part], field: value}
    refused_or_itself(values)


@settings(max_examples=30)
@given(anything, st.sampled_from(["preset", "data", "model", "train", "other"]))
@example([1], "data")
@example({"model": {"guide": 5}}, "model")
@example({"data": {"pairs": "x", "pairs_fold": 5}}, "data")
@example({"data": {"pairs": "x", "pairs_shift": 5}}, "data")
@example({"data": {"pairs": "x", "pairs_shift": [1, 2, 3]}}, "data")
@example({"train": {"epochs": "many"}}, "train")
@example({"train": {"epochs": 1.5}}, "train")
@example({"train": {"learning_rate": float("inf")}}, "train")
@example({"train": {"learning_rate": 10**400}}, "train")
@example({"train": {"seed": -1}}, "train")
@example({"train": {"loss": "l\n1"}}, "train")
@example({"model": {"factor": 0.5}}, "model")
@example({"data": {"max_lst_error_k": True}}, "data")
def test_anything_else_is_refused_in_one_line(value, key):
    refused_or_itself(value)
    refused_or_itself({**to_json(preset("quickstart")), key: value})
