"""Floor 1: prepared datasets, batches, augmentation, split rules and patches."""

from lstsr_jax.data.batches import (
    FIELDS,
    Batch,
    Example,
    PreparedDataset,
    TrainingBatches,
    evaluation_batches,
    images,
)

__all__ = [
    "FIELDS",
    "Batch",
    "Example",
    "PreparedDataset",
    "TrainingBatches",
    "evaluation_batches",
    "images",
]
