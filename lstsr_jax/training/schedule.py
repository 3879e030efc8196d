"""Learning-rate schedules in epochs, as optax schedules in steps."""

import optax

from lstsr_jax.config import TrainConfig


def learning_rate(config: TrainConfig, steps_per_epoch: int) -> optax.Schedule:
    """The schedule of a configuration.

    ``step`` (paper, section IV.A): ``learning_rate`` until ``decay_epoch``, then times ``decay_factor``, through
    :func:`optax.piecewise_constant_schedule`. ``cosine``: linear warm-up over ``warmup_epochs``, then a half cosine
    down to zero at the last epoch.

    >>> from lstsr_jax.config import preset
    >>> rate = learning_rate(preset("paper").train, steps_per_epoch=100)
    >>> [f"{float(rate(100 * epoch)):.0e}" for epoch in (0, 49, 50, 299)]
    ['1e-04', '1e-04', '1e-06', '1e-06']
    """
    if config.schedule == "step":
        return optax.piecewise_constant_schedule(
            config.learning_rate, {config.decay_epoch * steps_per_epoch: config.decay_factor}
        )
    total = config.epochs * steps_per_epoch
    warmup = min(int(config.warmup_epochs * steps_per_epoch), total - 1)
    return optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, warmup, total)
