"""Files and answers of strangers: no code of theirs runs, nothing else is opened for them, and no memory is asked for
that only a header claims."""

import ast
import contextlib
import csv
import json
import resource
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import tensorstore
from pyhdf.SD import SD, SDC

import lstsr_jax
from data_builders.download.echo10 import parse_results
from lstsr_jax.errors import InputError
from lstsr_jax.export import load_exported
from lstsr_jax.geo import SINUSOIDAL, GranuleError, read_lst, simulate_granule, tile_transform, write_granule
from lstsr_jax.geo.manifest import read_manifest
from lstsr_jax.predictor import load_predictor, shipped
from lstsr_jax.product import merge_reports

ROOT = Path(lstsr_jax.__file__).parents[1]
LAYER = "MOD11A1.A2020183.h18v04.061.2020185120000_LST_Day_1km.tif"
SOURCES = sorted([*ROOT.glob("lstsr_jax/**/*.py"), *ROOT.glob("data_builders/**/*.py"), *ROOT.glob("[tep]*.py")])
RUNS_CODE = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "marshal.loads"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "shelve.open", "yaml.load", "joblib.load"),
}
OWN = {("lstsr_jax/beam.py", "pickle.loads")}
"""Results that the workers of the same run have written into its own folder, as Beam itself exchanges them."""


def calls_of(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}


def test_no_code_of_strangers_is_run():
    found, seen = set(), 0
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        for call, words in calls_of(path):
            seen += 1
            if call in RUNS_CODE or words.get("shell", "False") != "False":
                found.add((name, call))
            if call.endswith(("np.load", "numpy.load")) and words.get("allow_pickle", "False") != "False":
                found.add((name, call))
            if call == "torch.load" and words.get("weights_only") != "True":
                found.add((name, call))
            if call.startswith(("ElementTree.parse", "ElementTree.fromstring", "ElementTree.XML")):
                found.add((name, call))
    assert seen > 5000 and found == OWN


@contextlib.contextmanager
def memory(more):
    """Within the block this process may ask for so many bytes more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def sparse(path, side, block, dtype="uint16"):
    options = {"tiled": True, "blockxsize": block, "blockysize": block, "sparse_ok": True, "bigtiff": "YES"}
    place = {"crs": SINUSOIDAL, "transform": tile_transform("h18v04", 1), "nodata": 0}
    with rasterio.open(path, "w", "GTiff", side, side, 1, dtype=dtype, compress="deflate", **place, **options):
        pass
    return path


@pytest.mark.parametrize(("side", "block"), [(10**6, 16384), (30_000, 4096), (1200, 32768)])
def test_a_small_geotiff_that_claims_much_is_refused_before_memory_is_asked_for(tmp_path, side, block):
    path = sparse(tmp_path / LAYER, side, block)
    assert path.stat().st_size < 100_000
    with memory(2**28), pytest.raises(GranuleError, match=r"claims \d+ x \d+ pixels in \d+ bytes; cut it"):
        read_lst(path)


def test_a_map_of_gaps_alone_is_no_bomb(tmp_path):
    path = sparse(tmp_path / LAYER, 1200, 512)
    assert np.isnan(read_lst(path).lst).all()


@pytest.mark.parametrize("source", ["/etc/passwd", "/vsicurl/http://127.0.0.1:9/x.tif"])
def test_a_virtual_raster_is_not_followed(tmp_path, source, monkeypatch):
    path = tmp_path / LAYER
    path.write_text(
        f'<VRTDataset rasterXSize="1200" rasterYSize="1200"><SRS>{SINUSOIDAL.to_wkt()}</SRS>'
        "<GeoTransform>0, 926.6, 0, 5559752, 0, -926.6</GeoTransform>"
        f'<VRTRasterBand dataType="UInt16" band="1"><SimpleSource><SourceFilename>{source}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(GranuleError, match="cannot be read as a GeoTIFF"):
        read_lst(path)


@pytest.fixture
def viirs(tmp_path):
    (path,) = write_granule(simulate_granule(3, size=64, product="VNP21A1D"), tmp_path, format="hdf5")
    return path


def field_of(file):
    return next(name for name in _names(file) if name.endswith("LST_1KM"))


def _names(file):
    names = []
    file.visit(names.append)
    return names


@pytest.mark.parametrize("kind", ["external", "virtual", "absurd", "chunk"])
def test_hdf5_opens_no_other_file_and_no_more_than_it_holds(viirs, kind, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(10**6))
    with h5py.File(viirs, "r+") as file:
        name = field_of(file)
        shape, attributes = file[name].shape, dict(file[name].attrs)
        del file[name]
        if kind == "external":
            made = file.create_dataset(name, shape, "uint16", external=[(str(tmp_path / "secret"), 0, 10**6)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape, "uint16")
            layout[:] = h5py.VirtualSource(str(tmp_path / "secret"), "x", shape)
            made = file.create_virtual_dataset(name, layout) or file[name]
        elif kind == "absurd":
            made = file.create_dataset(name, (10**6, 10**6), "uint16", chunks=(1000, 1000), compression="gzip")
        else:
            made = file.create_dataset(name, (64, 64), "uint16", chunks=(2**15, 2**15), maxshape=(None, None))
        for key in ("scale_factor", "_FillValue", "valid_range"):
            if key in attributes:
                made.attrs[key] = attributes[key]
    with pytest.raises(GranuleError, match=r"another file, which is not read|has shape|has chunks"):
        read_lst(viirs)


def test_hdf4_opens_no_other_file(tmp_path):
    (path,) = write_granule(simulate_granule(3, size=64), tmp_path, format="hdf4")
    (tmp_path / "secret").write_bytes(bytes(10**6))
    before = SD(str(path), SDC.READ)
    numbers = before.select("LST_Day_1km")[:]
    before.end()
    file = SD(str(path), SDC.WRITE | SDC.CREATE)
    made = file.create("stolen", SDC.UINT16, numbers.shape)
    made.setexternalfile(str(tmp_path / "secret"), 0)
    made.endaccess()
    file.end()
    with pytest.raises(GranuleError, match="in another file, which is not read"):
        read_lst(path, "day")


def test_weights_are_read_only_with_the_shapes_of_their_model(tmp_path):
    model = tmp_path / "model"
    shutil.copytree(shipped.shipped("default"), model)
    base = {"driver": "ocdbt", "base": f"file://{model / 'variables'}/"}
    store = tensorstore.KvStore.open(base).result()
    key = next(key for key in store.list().result() if key.endswith(b"kernel/.zarray") or key.endswith(b".zarray"))
    said = json.loads(store[key])
    store[key] = json.dumps({**said, "shape": [10**6] * len(said["shape"])}).encode()
    with memory(2**30), pytest.raises(InputError, match=r"holds another model|cannot be read; copy"):
        load_predictor(model)


NESTED = "[" * 200_000


def test_json_nested_without_end_is_one_line(tmp_path):
    (tmp_path / "report.0-of-1.json").write_text(NESTED)
    with pytest.raises(InputError, match="damaged"):
        merge_reports(tmp_path)
    (tmp_path / "m.stablehlo").write_bytes(b"x")
    (tmp_path / "m.stablehlo.json").write_text(NESTED)
    with pytest.raises(InputError, match="is no JSON"):
        load_exported(tmp_path / "m.stablehlo")


@pytest.mark.parametrize(("size", "line"), [("9" * 5000, "has no size"), ("1" * 200_000, "no table|has no size")])
def test_a_manifest_of_absurd_numbers_is_one_line(tmp_path, size, line):
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["granule", "bytes", "checksum", "url", "time"], ["a", size, "0" * 64, "u", "t"]])
    with pytest.raises(GranuleError, match=line):
        read_manifest(tmp_path)


def record(url, size="1000"):
    return (
        f"<results><result><Granule><DataGranule><DataGranuleSizeInBytes>{size}</DataGranuleSizeInBytes></DataGranule>"
        f"<OnlineAccessURLs><OnlineAccessURL><URL>{url}</URL></OnlineAccessURL></OnlineAccessURLs></Granule></result>"
        "</results>"
    ).encode()


NAME = "MOD11A1.A2020183.h18v04.061.2020185120000.hdf"


@pytest.mark.parametrize(
    "name", [f"..%2F{NAME}", f"..\\{NAME}", f"%2Fetc%2F{NAME}", f"{NAME}%00", f"{NAME}/..", "passwd"]
)
def test_an_archive_names_files_in_the_folder_only(name):
    remotes, _ = parse_results(record(f"https://x.earthdatacloud.nasa.gov/a/{name}"))
    assert remotes == []


def test_an_archive_that_states_absurd_sizes_states_none():
    (remote,), _ = parse_results(record(f"https://x.earthdatacloud.nasa.gov/../../{NAME}", "9" * 5000))
    assert remote.file_name == NAME and remote.size is None
