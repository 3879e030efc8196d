"""HDF4 is read in a child process: a crash or a hang costs one granule, and no end of anything leaves it behind."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lstsr_jax.geo import GranuleError, hdf, hdf_process, read_lst, write_granule
from lstsr_jax.geo.hdf_process import PROCESS, HdfProcess

ROOT = Path(__file__).resolve().parents[2]
STUB = """
import importlib.util, os, sys, time
spec = importlib.util.spec_from_file_location("hdf_child", {source!r})
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
class File:
    names, texts = ["good"], []
    bad = False
    def __init__(self, path):
        if "crash" in path:
            os.abort()
        if "hang" in path:
            time.sleep(1000)
        if "lacking" in path:
            import no_such_library
        if "late" in path:
            File.bad = True
        elif File.bad:
            os.abort()
    def close(self):
        pass
child.HdfFile = File
child.main()
"""


@pytest.fixture(scope="module")
def granule(simulated, tmp_path_factory):
    return write_granule(simulated, tmp_path_factory.mktemp("hdf4"))[0]


@pytest.fixture
def stub(tmp_path):
    """A process whose library crashes or hangs by the name of the file."""
    script = tmp_path / "stub.py"
    script.write_text(STUB.format(source=hdf_process.hdf_child.__file__))
    process = HdfProcess(("-P", "-S", str(script)))
    yield process
    process.stop()


def ask(process, name):
    return process.ask(Path(f"/{name}.hdf"), process.new_key(), "open")[0]["names"]


def gone(pid, seconds=10):
    """Whether a process ends (a zombie counts as there)."""
    for _ in range(int(seconds / 0.05)):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with contextlib.suppress(FileNotFoundError):  # reaped by nobody in a container without init
            if os.getppid() != 0 and Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2] == ["Z", "1"]:
                return True
        time.sleep(0.05)
    return False


def python(code, *arguments, **options):
    """A script in a process of its own, where every warning is an error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_a_crash_costs_one_file(stub):
    assert ask(stub, "fine") == ["good"]
    with pytest.raises(
        GranuleError, match=r"/crash\.hdf: truncated or damaged .*crashed.*; download it again"
    ) as caught:
        ask(stub, "crash")
    assert "\n" not in str(caught.value)
    assert ask(stub, "fine") == ["good"]


def test_a_hang_costs_one_file(stub, monkeypatch):
    monkeypatch.setattr(hdf_process, "ANSWER_WITHIN_S", 0.5)
    ask(stub, "fine")
    before = stub.pid
    with pytest.raises(GranuleError, match=r"/hang\.hdf: truncated or damaged .*not come to an end"):
        ask(stub, "hang")
    assert gone(before)
    monkeypatch.undo()
    assert ask(stub, "fine") == ["good"]


def test_a_missing_library_is_no_damage(stub):
    with pytest.raises(GranuleError, match=r"HDF cannot be read: No module named 'no_such_library'; install .*h5py"):
        ask(stub, "lacking")
    assert ask(stub, "fine") == ["good"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no list of open files")
def test_a_file_is_closed_when_its_reader_is_done(granule):
    read_lst(granule)
    opened = [os.readlink(place) for place in Path(f"/proc/{PROCESS.pid}/fd").iterdir()]
    assert opened and str(granule) not in opened


def test_a_good_file_does_not_pay_for_an_earlier_one(stub):
    """A library that another file has confused is asked once more, afresh."""
    ask(stub, "late")
    assert ask(stub, "fine") == ["good"]


def test_a_killed_child_is_replaced_while_a_file_is_open(granule):
    with hdf.open_hdf(granule) as file:
        first = file.read("QC_Day").values
        before = PROCESS._child
        os.kill(PROCESS.pid, signal.SIGKILL)
        before._process.wait(10)
        np.testing.assert_array_equal(file.read("QC_Day").values, first)


def test_threads_share_it(granule):
    expected = read_lst(granule).lst
    with ThreadPoolExecutor(8) as pool:
        for scene in pool.map(read_lst, [granule] * 24):
            np.testing.assert_array_equal(scene.lst, expected)


def pid_after_reading(path):
    read_lst(path)
    return PROCESS.pid


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_started_workers_have_their_own(granule, method):
    read_lst(granule)
    context = multiprocessing.get_context(method)
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("PYTHONPATH", str(ROOT))
        with context.Pool(1) as pool:
            theirs = pool.apply(hdf4_reader, (str(granule),))
    assert theirs != PROCESS.pid
    assert gone(theirs)


def hdf4_reader(path):
    return pid_after_reading(path)


def test_forked_workers_have_their_own(granule):
    """Both read after the fork, the parent's child ends with the parent though the fork lives on."""
    process = python(
        """
        import os, sys, time
        from lstsr_jax.geo import read_lst
        from lstsr_jax.geo.hdf_process import PROCESS
        read_lst(sys.argv[1])
        before = PROCESS.pid
        worker = os.fork()
        if worker == 0:
            read_lst(sys.argv[1])
            assert PROCESS.pid != before
            os.close(1)  # the parent's reader must not wait for this one
            time.sleep(1)
            os._exit(0 if PROCESS.pid else 1)
        for _ in range(3):
            read_lst(sys.argv[1])
        assert PROCESS.pid == before
        PROCESS.stop()  # waits for the end of the child, which must not wait for the fork
        print(before, os.waitpid(worker, 0)[1])
        """,
        granule,
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and not err, err.decode()
    child, status = map(int, out.split())
    assert status == 0 and gone(child)


def test_nothing_is_left_at_the_end(granule):
    code = """
        import sys
        from lstsr_jax.geo import read_lst
        from lstsr_jax.geo.hdf_process import PROCESS
        read_lst(sys.argv[1])
        print(PROCESS.pid)
        """
    out, err = python(code, granule).communicate(timeout=60)
    assert not err, err.decode()
    assert gone(int(out))


def test_the_child_ends_with_a_killed_parent(granule):
    code = """
        import sys, time
        from lstsr_jax.geo import read_lst
        from lstsr_jax.geo.hdf_process import PROCESS
        read_lst(sys.argv[1])
        print(PROCESS.pid, flush=True)
        time.sleep(100)
        """
    with python(code, granule) as process:
        child = int(process.stdout.readline())
        process.kill()
        assert gone(child)


def test_ctrl_c_while_it_reads(granule):
    code = """
        import os, signal, sys, time
        from lstsr_jax.geo import hdf_child, read_lst
        from lstsr_jax.geo.hdf_process import PROCESS
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
        expected = read_lst(sys.argv[1]).lst
        before, message_of = PROCESS.pid, hdf_child.message_of
        def interrupted(fd):
            hdf_child.message_of = message_of
            os.killpg(0, signal.SIGINT)
            time.sleep(5)  # the signal may reach another thread first
        hdf_child.message_of = interrupted
        try:
            read_lst(sys.argv[1])
        except KeyboardInterrupt:
            assert (read_lst(sys.argv[1]).lst == expected).sum() > 0
            assert PROCESS.pid != before
            print("well")
        """
    out, err = python(code, granule, start_new_session=True).communicate(timeout=60)
    assert out == b"well\n" and not err, err.decode()


def test_closed_standard_streams(granule):
    """What others print there must not get between the messages."""
    code = """
        import os, sys
        for fd in (0, 1, 2):
            os.close(fd)
        from lstsr_jax.geo import read_lst
        from lstsr_jax.geo.hdf_process import PROCESS
        read_lst(sys.argv[1])
        os._exit(min(PROCESS._child._in.fileno(), PROCESS._child._out.fileno()))
        """
    process = python(code, granule)
    process.communicate(timeout=60)
    assert process.returncode > 2


@pytest.mark.parametrize("place", [b"donn\xe9es/G.hdf", b"plain/\xe9-G.hdf"])
def test_names_of_another_encoding(simulated, tmp_path, place):
    source = write_granule(simulated, tmp_path / "source")[0]
    target = os.path.join(os.fsencode(tmp_path), place.replace(b"G", os.fsencode(source.stem)))
    os.makedirs(os.path.dirname(target))
    os.rename(source, target)
    scene = read_lst(os.fsdecode(target))
    assert np.isfinite(scene.lst).any()


def test_changed_numbers_are_found_by_their_checksum(granule, tmp_path):
    """Every byte of the compressed LST decides: where libhdf4 sees nothing, the checksum does."""
    content = granule.read_bytes()
    elements = hdf_process.hdf_child.Elements(str(granule))
    compressed = elements._found[elements._found["tag"] == 40]
    start, length = int(compressed["offset"][0]), int(compressed["length"][0])
    elements.close()
    path = tmp_path / granule.name
    for place in np.linspace(start + 2, start + length - 1, 12).astype(int):
        changed = bytearray(content)
        changed[place] ^= 4
        path.write_bytes(changed)
        with pytest.raises(GranuleError, match="truncated or damaged"):
            read_lst(path)


def test_chunks_are_checked_too(shared_data):
    """The real NDVI granule is stored in chunks of one row."""
    child = hdf_process.hdf_child
    (path,) = (shared_data / "granules").glob("MOD13A2*.hdf")
    file = child.HdfFile(str(path))
    name = "1 km 16 days NDVI"
    _, values = file.read(name)
    reference = file._sd.select(name).ref()
    child.check_sums(file.elements, reference, values)
    values[700, 600] += 1
    with pytest.raises(child.DamageError, match="checksums"):
        child.check_sums(file.elements, reference, values)
    file.close()


def test_a_stream_written_over_a_longer_one_is_whole(make_hdf4, tmp_path):
    """libhdf4 leaves the element as long as before: its checksum is not in its last bytes."""
    from pyhdf.SD import SD, SDC

    path = str(tmp_path / "again.hdf")
    noise = np.random.default_rng(0).integers(0, 60000, (50, 50)).astype(np.uint16)
    sd = SD(path, SDC.WRITE | SDC.CREATE)
    sds = sd.create("x", SDC.UINT16, noise.shape)
    sds.setcompress(SDC.COMP_DEFLATE, 6)
    sds[:] = noise
    sds.endaccess()
    sd.end()
    sd = SD(path, SDC.WRITE)
    sds = sd.select("x")
    sds[:] = noise // 30000
    sds.endaccess()
    sd.end()
    file = hdf_process.hdf_child.HdfFile(path)
    np.testing.assert_array_equal(file.read("x")[1], noise // 30000)
    file.close()


def test_case_of_two_damaged_granules(granule, tmp_path):
    """Holes in the directory, one file after the other: libhdf4 aborted the process on this."""
    content = granule.read_bytes()
    path = tmp_path / granule.name
    expected = read_lst(granule).lst
    for start in range(len(content) // 2, len(content) - 4096, 3000):
        path.write_bytes(content[:start] + bytes(4096) + content[start + 4096 :])
        with contextlib.suppress(GranuleError):
            np.testing.assert_array_equal(read_lst(path).lst, expected)
