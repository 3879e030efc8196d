"""All kinds."""

from benchmarks.faults import at_moments, at_start, at_writers

ALL = [*at_writers.KINDS, *at_start.KINDS, *at_moments.KINDS]
