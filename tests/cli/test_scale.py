"""The files of docs/scale.md: their commands are the command's own, and their numbers agree."""

import re
import shlex
from pathlib import Path

from lstsr_jax.cli import predict_arguments
from lstsr_jax.product import Shard

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "scale.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, flags=re.DOTALL)


def test_commands_are_understood():
    shells = "\n".join(body for kind, body in BLOCKS if kind in ("sh", "slurm")).replace("\\\n", " ")
    commands = [shlex.split(found)[1:] for found in re.findall(r"lstsr-predict [^\"\n]*", shells)]
    (pod,) = (body for kind, body in BLOCKS if kind == "yaml")
    commands.append([word.strip() for word in re.search(r"args: \[(.*)\]", pod)[1].split(",")])
    assert len(commands) >= 4
    for command in commands:
        words = [word.replace("{}", "0").replace("env", "0/199") for word in command]
        arguments = predict_arguments(words)
        assert arguments.merge_reports or (arguments.checkpoint == "default" and arguments.own_shard.index == 0)


def test_the_array_and_the_job_have_as_many_shards_as_they_say():
    (array,) = re.findall(r"#SBATCH --array=0-(\d+)", TEXT)
    count = int(array) + 1
    pod = next(body for kind, body in BLOCKS if kind == "yaml")
    assert [
        int(re.search(rf"{name}\D+(\d+)", pod)[1]) for name in ("completions:", "parallelism:", "JOB_COMPLETIONS")
    ] == [count] * 3
    tasks = {
        "SLURM_ARRAY_TASK_ID": array, "SLURM_ARRAY_TASK_COUNT": str(count), "SLURM_ARRAY_TASK_MIN": "0",
        "SLURM_ARRAY_TASK_MAX": array, "SLURM_ARRAY_TASK_STEP": "1",
    }  # fmt: skip
    assert str(Shard.parse("env", tasks)) == f"{array}/{count}"
