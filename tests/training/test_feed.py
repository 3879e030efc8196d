"""Batches are on the devices before their step, placed as it takes them."""

import jax
import numpy as np
import pytest

from lstsr_jax.training.feed import on_devices
from lstsr_jax.training.placement import Placement, share_out


def batches(count, drawn):
    for number in range(count):
        drawn.append(number)
        yield {"lst": np.full((4, 3, 3, 1), number, np.float32)}


def test_two_batches_are_placed_ahead_and_all_come_in_order():
    place, drawn, seen = Placement.of(), [], []
    for batch in on_devices(batches(5, drawn), place):
        seen.append((len(drawn), float(batch["lst"].mean())))
        assert isinstance(batch["lst"], jax.Array) and batch["lst"].shape == (2, 2, 3, 3, 1)
        assert batch["lst"].sharding.device_set == set(place.local)
    assert seen == [(3, 0.0), (4, 1.0), (5, 2.0), (5, 3.0), (5, 4.0)]
    assert list(on_devices(iter([]), place)) == []


def test_a_step_copies_nothing_of_a_batch_that_is_on_the_devices(program, config, dataset):
    state, place = program.initial_state(config), program.placement
    patch = dataset.source("train")[0]["lst"]
    host = {
        "lst": np.stack([patch] * config.train.batch_size),
        "turn": np.arange(config.train.batch_size, dtype=np.int32),
    }
    (placed,) = on_devices([host], place)
    state, _ = program.train_step(state, placed)  # compiles
    with jax.transfer_guard("disallow"):
        program.train_step(state, placed)
    state = program.initial_state(config)
    with jax.transfer_guard("disallow"), pytest.raises(Exception, match="Disallowed host-to-device"):
        program.train_step(state, share_out(host, len(place.local)))
