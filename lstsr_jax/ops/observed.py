"""What comes in as an array: gaps, numbers and units, checked at the doors."""

PLAUSIBLE_K = (150.0, 400.0)
"""The coldest number of the products, and hotter than any land seen from space (354 K, Lut desert)."""
