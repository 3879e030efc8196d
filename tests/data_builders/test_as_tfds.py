"""The Python of docs/dataset.md reads a prepared dataset as it stands."""

import re
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

import data_builders.modis_lst

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs" / "dataset.md").read_text(), re.DOTALL)


def test_the_python_of_the_page_runs(dataset, capsys):
    namespace: dict = {}
    for block in BLOCKS:
        exec(compile(block.replace('"PREPARED_DIR"', repr(str(dataset.directory))), "dataset.md", "exec"), namespace)
    assert len(BLOCKS) == 3 and len(namespace["test"]) > 0
    assert namespace["lst"].shape == (8, 32, 32, 1) and namespace["lst"].dtype == np.float32
    assert capsys.readouterr().out.startswith(f"{len(namespace['train'])} (32, 32, 1) 2020-")


def test_importing_the_folder_makes_the_name_known():
    assert tfds.builder_cls("modis_lst") is data_builders.modis_lst.Builder is data_builders.Builder
