"""Honest tables: protocols, methods, scores, reports and figures."""

from lstsr_jax.evaluation.leaks import check_unseen, trained_on_patches
from lstsr_jax.evaluation.pairs.report import evaluate_pairs
from lstsr_jax.evaluation.protocols import PROTOCOLS, Protocol, protocol
from lstsr_jax.evaluation.reliability import reliability
from lstsr_jax.evaluation.rows import name_predictors
from lstsr_jax.evaluation.run import evaluate

__all__ = [
    "PROTOCOLS",
    "Protocol",
    "check_unseen",
    "evaluate",
    "evaluate_pairs",
    "name_predictors",
    "protocol",
    "reliability",
    "trained_on_patches",
]
