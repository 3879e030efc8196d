"""Reading granules must not cost, or need, an array framework; fetching them not even arrays."""

import subprocess
import sys


def test_geo_imports_neither_jax_nor_tensorflow():
    code = (
        "import sys, lstsr_jax.geo\n"
        "heavy = {'jax', 'jaxlib', 'flax', 'tensorflow', 'optax', 'torch', 'tensorflow_datasets'}\n"
        "print(sorted(heavy & {name.split('.')[0] for name in sys.modules}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_download_starts_without_arrays_and_rasters():
    code = (
        "import sys, lstsr_jax.cli.download\n"
        "print(sorted({'numpy', 'scipy', 'rasterio', 'pyproj', 'h5py', 'jax'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_public_name_is_there():
    import lstsr_jax.geo as geo

    assert all(hasattr(geo, name) for name in geo.__all__)
    assert len(set(geo.__all__)) == len(geo.__all__)
    assert set(geo.__all__) == set(geo._HOME)
