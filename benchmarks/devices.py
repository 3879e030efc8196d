"""What the makers' data sheets say of accelerators, by what JAX calls them."""

from typing import NamedTuple


class Device(NamedTuple):
    """Memory in bytes, dense bfloat16 FLOP/s (without sparsity), bytes per second."""

    memory: float
    flops: float
    bandwidth: float


DEVICES = {
    "v5e": Device(16e9, 197e12, 819e9),
    "A100 80 GB": Device(80e9, 312e12, 2039e9),
    "H100 SXM": Device(80e9, 989e12, 3350e9),
}
"""Those of the table in docs/training.md."""

_BF16_PEAKS = (  # the first that is part of the kind counts
    ("H100 PCIe", 756e12),
    ("H100 NVL", 835e12),
    ("H100", 989e12),
    ("H200", 989e12),
    ("A100", 312e12),
    ("TPU v6", 918e12),
    ("TPU v5p", 459e12),
    ("TPU v5 lite", 197e12),
    ("TPU v5e", 197e12),
    ("TPU v5", 459e12),
    ("TPU v4", 275e12),
)


def bf16_peak(kind: str) -> float | None:
    """FLOP/s in bfloat16 of a device that JAX names so (``device_kind``); None if it is not in the table."""
    return next((flops for name, flops in _BF16_PEAKS if name.lower() in kind.lower()), None)
