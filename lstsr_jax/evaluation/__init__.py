"""Honest tables: cases, scores and reports; ``pairs`` holds those against ASTER."""

from lstsr_jax.evaluation.cases import Case, cases
from lstsr_jax.evaluation.evaluation import Evaluation, evaluate
from lstsr_jax.evaluation.leaks import check_unseen, trained_on_patches
from lstsr_jax.evaluation.pairs.evaluation import PairsEvaluation, evaluate_pairs
from lstsr_jax.evaluation.pairs.report import write_pairs_report
from lstsr_jax.evaluation.protocols import PROTOCOLS, Protocol, protocol
from lstsr_jax.evaluation.reliability import Reliability, reliability
from lstsr_jax.evaluation.report import write_report
from lstsr_jax.evaluation.rows import Row
from lstsr_jax.evaluation.scores import Scores

__all__ = [
    "PROTOCOLS",
    "Case",
    "Evaluation",
    "PairsEvaluation",
    "Protocol",
    "Reliability",
    "Row",
    "Scores",
    "cases",
    "check_unseen",
    "evaluate",
    "evaluate_pairs",
    "protocol",
    "reliability",
    "trained_on_patches",
    "write_pairs_report",
    "write_report",
]
