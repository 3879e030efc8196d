"""Training at 1 km to 250 m on pairs of MODIS and ASTER; docs/pairs.md."""
