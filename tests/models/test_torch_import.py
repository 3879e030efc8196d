"""The command that turns a .pth file into a checkpoint directory."""

import builtins
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.cli import torch_import
from lstsr_jax.errors import InputError
from lstsr_jax.models.dmcn import DMCN
from lstsr_jax.models.mrunet import MRUNet
from lstsr_jax.models.torch_weights import export_torch_state_dict
from lstsr_jax.models.vdsr import VDSR
from lstsr_jax.predictor import load_predictor


@pytest.fixture
def tensors(randomize):
    shapes = jax.eval_shape(VDSR(width=3).init, jax.random.key(0), jnp.ones((1, 8, 8, 1)))
    return export_torch_state_dict("vdsr", randomize(shapes))


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")


def _write(torch, path, tensors, **around):
    state = {key: torch.from_numpy(np.array(value)) for key, value in tensors.items()}
    torch.save({"model_state_dict": state, **around} if around else state, path)
    return path


def test_without_torch_one_line_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name == "torch":
            raise ImportError("No module named 'torch'")
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(InputError, match=r'pip install "lstsr-jax\[torch\]"'):
        torch_import.read_torch_checkpoint(tmp_path / "weights.pth")
    assert torch_import.main([str(tmp_path / "weights.pth"), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_reads_both_forms(tmp_path, torch, tensors):
    for around in ({}, {"epoch": 3, "losses": [1.0, np.float64(2.5), np.float32(1.5)]}):
        path = _write(torch, tmp_path / "weights.pth", tensors, **around)
        name, arrays = torch_import.read_torch_checkpoint(path)
        assert name == "vdsr"
        assert set(arrays) == set(tensors)
        for key, value in tensors.items():
            np.testing.assert_array_equal(arrays[key], value)


def test_half_precision_becomes_single(tmp_path, torch, tensors):
    half = {key: torch.from_numpy(np.array(value)).bfloat16() for key, value in tensors.items()}
    torch.save(half, tmp_path / "weights.pth")
    _, arrays = torch_import.read_torch_checkpoint(tmp_path / "weights.pth")
    assert {value.dtype for value in arrays.values()} == {np.dtype("float32")}


class _Intruder:
    def __reduce__(self):
        return (print, ("code from the file was run",))


def test_files_that_are_no_weights_are_refused(tmp_path, torch, tensors, capfd):
    path = tmp_path / "weights.pth"
    with pytest.raises(InputError, match="cannot be read"):
        torch_import.read_torch_checkpoint(path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="cannot be read"):
        torch_import.read_torch_checkpoint(path)
    _write(torch, path, tensors, extra=_Intruder())
    with pytest.raises(InputError, match="cannot be read"):
        torch_import.read_torch_checkpoint(path)
    torch.save([1, 2, 3], path)
    with pytest.raises(InputError, match="holds no state dict"):
        torch_import.read_torch_checkpoint(path)
    torch.save({"fc.weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match=r"weights\.pth: not the weights of"):
        torch_import.read_torch_checkpoint(path)
    assert "code from the file" not in capfd.readouterr().out


@pytest.mark.parametrize("module", [MRUNet(width=2, bridge_blocks=2), VDSR(width=3), DMCN(width=2)])
def test_writes_a_checkpoint_that_predicts(tmp_path, monkeypatch, capsys, randomize, module):
    name = type(module).__name__.lower()
    variables = randomize(jax.eval_shape(module.init, jax.random.key(0), jnp.ones((1, 8, 8, 1))))
    read = (name, {**export_torch_state_dict(name, variables), "up.bias": np.zeros(5)})
    monkeypatch.setattr(torch_import, "read_torch_checkpoint", lambda path, model: read)
    assert torch_import.main(["weights.pth", "--out", str(tmp_path / "out"), "--max-value", "330"]) == 0
    printed = capsys.readouterr()
    assert f"out: {name}, width {module.width}" in printed.out
    assert "1 tensors (5 parameters)" in printed.err if name == "mrunet" else "up.bias" in printed.err
    predictor = load_predictor(tmp_path / "out")
    assert predictor.module == module
    assert predictor.config.upsampling == "bilinear"
    assert (predictor.normalization.kind, predictor.normalization.scale_k) == ("train_max", 330.0)
    jax.tree.map(np.testing.assert_array_equal, predictor.variables, variables)
    assert torch_import.main(["weights.pth", "--out", str(tmp_path / "out")]) == 1
    assert "exists already" in capsys.readouterr().err


def test_incomplete_weights_are_refused(tmp_path, monkeypatch, capsys, tensors):
    del tensors["output.weight"]
    monkeypatch.setattr(torch_import, "read_torch_checkpoint", lambda path, model: ("vdsr", tensors))
    assert torch_import.main(["weights.pth", "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "weights.pth: not a complete state dict of vdsr: output.weight is missing\n"
    assert not (tmp_path / "out").exists()


def test_the_whole_way_from_a_file(tmp_path, torch, tensors):
    path = _write(torch, tmp_path / "weights.pth", tensors)
    assert torch_import.main([str(path), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "variables").is_dir()


@pytest.mark.parametrize("value", ["0", "-3", "nan"])
def test_a_maximum_that_is_none_is_refused(tmp_path, capsys, value):
    arguments = [str(tmp_path / "weights.pth"), "--out", str(tmp_path / "out"), f"--max-value={value}"]
    assert torch_import.main(arguments) == 1
    assert "--max-value" in capsys.readouterr().err
