"""Table II: MODIS at 1 km super-resolved and compared with ASTER of the same moment."""
