"""Training batches: in grain's order with grain's random numbers, decoded once where they are kept in memory."""

import dataclasses

import grain
import numpy as np
import pytest

from lstsr_jax.config import Config, DataConfig, ModelConfig, TrainConfig
from lstsr_jax.data import TrainingBatches, memory
from lstsr_jax.data.augmentation import Augment

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


def by_grain(source, config, first, stop, process, processes):
    """The batches as grain's own pipeline makes them, which runs of before were trained on."""
    size = config.train.batch_size
    names = ("lst", "ndvi") if config.model.guide == "ndvi" else ("lst",)
    examples = grain.MapDataset.source(source).map(lambda example: {name: example[name] for name in names})
    examples = examples.seed(config.train.seed).shuffle().random_map(Augment(config))
    examples = examples[: len(source) // size * size][process::processes]
    epochs = examples.batch(size // processes, drop_remainder=True).repeat()
    return list(epochs[first:stop].to_iter_dataset())


@pytest.mark.parametrize(
    ("config", "process", "processes"),
    [
        (config_of(model=ModelConfig()), 0, 1),
        (config_of(augment="dihedral", crop=12, **EVERYTHING), 0, 1),
        (config_of(augment="dihedral", crop=12, **EVERYTHING), 1, 2),
    ],
    ids=["flips", "everything", "second of two processes"],
)
def test_order_and_augmentation_are_bit_for_bit_those_of_grain(config, process, processes):
    source = Source(11)  # three of an epoch are left over
    expected = by_grain(source, config, 1, 7, process, processes)  # four epochs, from the middle of the first
    batches = TrainingBatches(source, config, devices=1, process=process, processes=processes)
    found = list(batches.steps(1, 7))
    assert len(found) == len(expected) == 6
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name])


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
