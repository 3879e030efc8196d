"""Inventing granules, pairs and their landscapes. Imports the readers' floor (``lstsr_jax.geo``) only."""
