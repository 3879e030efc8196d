"""ASTER at 250 m, pairs with MODIS, and their registration. Imports the readers' floor (``lstsr_jax.geo``) only."""
