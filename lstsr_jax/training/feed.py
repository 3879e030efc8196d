"""Batches on their way to the devices: the next ones are transferred while the step of the last one runs."""

import collections
from collections.abc import Generator, Iterable
from typing import Any

from lstsr_jax.training.placement import Placement, share_out

_AHEAD = 2


def on_devices(batches: Iterable[dict[str, Any]], place: Placement, ahead: int = _AHEAD) -> Generator[dict[str, Any]]:
    """The batches of this process, shared out to its devices and placed there, ``ahead`` of them before their turn.

    A transfer is started, not waited for: where there is an accelerator it goes on beside the steps.

    Args:
        batches: trees of ``(B, ...)`` arrays.
        place: the devices.
        ahead: how many are on the devices, or on their way, beside the one that is given out.

    Yields:
        trees of ``(devices, B/devices, ...)`` arrays, as a step mapped over the devices takes them without a copy.
    """
    waiting: collections.deque[dict[str, Any]] = collections.deque()
    for batch in batches:
        waiting.append(place.shard(share_out(batch, len(place.local))))
        if len(waiting) > ahead:
            yield waiting.popleft()
    while waiting:
        yield waiting.popleft()
