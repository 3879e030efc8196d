import math

import pytest

from lstsr_jax.config import TrainConfig, preset
from lstsr_jax.training.schedule import learning_rate


def test_paper_schedule():
    config = preset("paper").train
    rate = learning_rate(config, steps_per_epoch=35)
    at = {epoch: float(rate(35 * epoch)) for epoch in (0, 49, 50, 299)}
    assert at == pytest.approx({0: 1e-4, 49: 1e-4, 50: 1e-6, 299: 1e-6})
    assert float(rate(35 * 50 - 1)) == pytest.approx(1e-4)
    assert (config.epochs, config.batch_size) == (300, 32)


def test_authors_code_schedule_is_constant():
    rate = learning_rate(preset("authors-code").train, steps_per_epoch=10)
    assert [float(rate(step)) for step in (0, 499, 500, 2999)] == pytest.approx([1e-3] * 4)


def test_cosine_warms_up_and_ends_at_zero():
    config = TrainConfig(epochs=20, learning_rate=0.5, schedule="cosine", warmup_epochs=2)
    rate = learning_rate(config, steps_per_epoch=50)
    for step in (0, 30, 100, 333, 1000):
        expected = 0.5 * step / 100 if step < 100 else 0.25 * (1 + math.cos(math.pi * (step - 100) / 900))
        assert float(rate(step)) == pytest.approx(expected, abs=1e-6)
