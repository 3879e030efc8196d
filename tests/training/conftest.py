"""The runs that the training tests compare with."""

import dataclasses

import pytest

from lstsr_jax.predictor import normalization_for
from lstsr_jax.training import build_program, train


@pytest.fixture(scope="session")
def config(small_config):
    """Three epochs of the network that compiles fastest, its parameters averaged: what is published is not all."""
    model = dataclasses.replace(small_config.model, name="edsr", blocks=1)
    train = dataclasses.replace(small_config.train, epochs=3, average_decay=0.7)
    return dataclasses.replace(small_config, model=model, train=train)


@pytest.fixture(scope="session")
def program(config, dataset):
    """Its compiled steps, on two devices: the same for all its runs."""
    steps_per_epoch = len(dataset.source("train")) // config.train.batch_size
    normalization = normalization_for(config.model, dataset.metadata["max_k"]["train"])
    return build_program(config, normalization, steps_per_epoch)


@pytest.fixture(scope="session")
def uninterrupted(config, dataset, program, tmp_path_factory):
    """The workdir of a run that nothing disturbed, on two devices."""
    return train(config, dataset, tmp_path_factory.mktemp("runs") / "uninterrupted", program=program)
