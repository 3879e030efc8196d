"""Training batches: in grain's order with grain's random numbers, decoded once where they are kept in memory."""

import dataclasses

import grain
import jax.numpy as jnp
import numpy as np
import pytest
from grain.experimental import index_shuffle

from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig
from lstsr_jax.data import TrainingBatches, memory
from lstsr_jax.data.augmentation import blurred, displaced, withhold
from lstsr_jax.data.order import permutation
from lstsr_jax.ops.dihedral import draw, transform, transform_each

GUIDED = ModelConfig(guide="ndvi")
EVERYTHING = {"input_noise_k": 0.5, "input_blur_px": 1.0, "input_shift_px": 1.0, "guide_dropout": 0.5}


class Source(list):
    """Examples that count how often each is read."""

    def __init__(self, count, side=20):
        rng = np.random.default_rng(0)
        super().__init__(
            {name: rng.normal(290, 3, (side, side, 1)).astype(np.float32) for name in ("lst", "ndvi")}
            for _ in range(count)
        )
        self.reads = []

    def __getitem__(self, number):
        self.reads.append(number)
        return super().__getitem__(number)


def config_of(in_memory="auto", model=GUIDED, **train):
    return Config(
        data=DataConfig(in_memory=in_memory, patch_size=20),
        model=model,
        train=TrainConfig(**{"batch_size": 4, "seed": 3, **train}),
    )


class AugmentOne(grain.transforms.RandomMap):
    """What is done to one example, said for itself."""

    def __init__(self, config):
        self.train, self.factor = config.train, config.model.factor

    def random_map(self, element, rng):
        train = self.train
        turn = draw(rng, train.augment)
        if train.crop:
            row, col = rng.integers(0, element["lst"].shape[0] - train.crop + 1, 2)
            element = {name: v[row : row + train.crop, col : col + train.crop] for name, v in element.items()}
        element = withhold({name: transform(v, turn) for name, v in element.items()}, train.guide_dropout, rng)
        if train.input_noise_k:
            sigma = rng.uniform(0, train.input_noise_k)
            coarse = element["lst"].shape[0] // (self.factor * train.coarsen)
            element["noise"] = rng.normal(0, sigma, (coarse, coarse, 1)).astype(np.float32)
        if train.input_blur_px or train.input_shift_px:
            sigma = rng.uniform(0, train.input_blur_px) * train.coarsen
            shift = np.rint(rng.normal(0, train.input_shift_px * train.coarsen, 2)).astype(int)
            element["seen"] = displaced(blurred(element["lst"], sigma), *shift)
        return element


def by_grain(source, config, first, stop, process, processes):
    """The batches as grain's own pipeline makes them, which runs of before were trained on."""
    size = config.train.batch_size
    names = ("lst", "ndvi") if config.model.guide == "ndvi" else ("lst",)
    examples = grain.MapDataset.source(source).map(lambda example: {name: example[name] for name in names})
    examples = examples.seed(config.train.seed).shuffle().random_map(AugmentOne(config))
    examples = examples[: len(source) // size * size][process::processes]
    epochs = examples.batch(size // processes, drop_remainder=True).repeat()
    return list(epochs[first:stop].to_iter_dataset())


@pytest.mark.parametrize(
    ("config", "process", "processes"),
    [
        (config_of(model=ModelConfig()), 0, 1),
        (config_of(augment="dihedral", crop=12, input_noise_k=0.5, guide_dropout=0.5), 0, 1),
        (config_of(augment="dihedral", crop=12, **EVERYTHING), 0, 1),
        (config_of(augment="dihedral", crop=12, **EVERYTHING), 1, 2),
    ],
    ids=["flips", "turned on the device", "everything", "second of two processes"],
)
def test_order_and_augmentation_are_bit_for_bit_those_of_grain(config, process, processes):
    source = Source(11)  # three of an epoch are left over
    expected = by_grain(source, config, 1, 7, process, processes)  # four epochs, from the middle of the first
    batches = TrainingBatches(source, config, devices=1, process=process, processes=processes)
    found = list(batches.steps(1, 7))
    assert len(found) == len(expected) == 6
    for ours, theirs in zip(found, expected, strict=True):
        ours = as_the_step_turns(ours)
        assert ours.keys() == theirs.keys()
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name])


def as_the_step_turns(batch):
    turn = jnp.asarray(batch.pop("turn", np.zeros(len(batch["lst"]), int)))
    return {name: v if name == "noise" else np.asarray(transform_each(v, turn)) for name, v in batch.items()}


@pytest.mark.parametrize("count", [1, 2, 11, 2240, 65536, 65537, 70000])
def test_a_whole_order_is_that_of_grain(count):
    """At 65537 grain forgets the last example and takes another twice."""
    for seed in (0, 2**32 - 1):
        order, some = permutation(count, seed), np.unique(np.linspace(0, count - 1, 40).astype(int))
        theirs = [index_shuffle(int(i), max_index=count - 1, seed=seed, rounds=4) for i in some]
        np.testing.assert_array_equal(order[some], theirs)
        assert len(np.unique(order)) == len(order) - (count == 65537)


def test_patches_in_memory_are_the_same_and_decoded_once():
    kept, again = Source(8), Source(8)
    runs = [
        list(TrainingBatches(source, config_of(in_memory), devices=1).steps(0, 6))
        for source, in_memory in ((kept, "yes"), (again, "no"))
    ]
    for ours, theirs in zip(*runs, strict=True):
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name])
    # One read beforehand finds out whether there is NDVI.
    assert sorted(kept.reads[1:]) == list(range(8)) and len(again.reads) == 1 + 3 * 8


def test_auto_keeps_what_takes_a_quarter_of_the_free_memory_and_no_more(monkeypatch):
    images = dict(Source(1)[0])
    free = {"SC_AVPHYS_PAGES": 10, "SC_PAGE_SIZE": 4 * 2 * 1600}
    monkeypatch.setattr(memory.os, "sysconf", free.__getitem__)
    assert memory.fits(10, images) and not memory.fits(11, images)
    source = Source(12)
    list(TrainingBatches(source, config_of("auto"), devices=1).steps(0, 6))
    assert len(source.reads) > 2 * 12
    with pytest.raises(ValueError, match="unknown"):
        dataclasses.replace(config_of().data, in_memory="perhaps")


@pytest.mark.parametrize(("keep", "reads"), [("yes", [0, 1, 2]), ("no", [0, 1, 2, 0, 1, 2])])
def test_validation_patches_are_decoded_once_where_they_are_kept(keep, reads):
    source = Source(3)
    examples = memory.DecodedOnce(source, ("lst", "ndvi"), keep)
    for _ in range(2):
        for number in range(len(examples)):
            np.testing.assert_array_equal(examples[number]["lst"], list.__getitem__(source, number)["lst"])
    assert source.reads == reads
