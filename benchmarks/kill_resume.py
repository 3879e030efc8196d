"""Kill a run with SIGKILL, start it again, and compare its end with that of a run left alone.

``python -m benchmarks.kill_resume --what train --kills 250``, or ``build`` (a dataset), ``download``, ``predict``.
Half of the kills come at random moments, half at chosen ones: before, in the middle of, or after the N-th creation,
write, sync, truncation, close, renaming or removal of a file or making of a folder below the output folder. Those need
Linux and a C compiler; ``--moments random`` does without. Each run is killed several times, and what it has left is
examined after each. Ends with exit status 1 if anything is lost or wrong; the last line says what was compared.
"""

import argparse
import importlib
import os
import sys
import tempfile

from benchmarks.kills.campaign import Campaign

KINDS = ("train", "build", "download", "predict")


def main() -> None:
    """Take the flags and run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=KINDS, default="train")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--moments", choices=["chosen", "random"], default="chosen", help="random: no chosen ones")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="of train: only edsr, vdsr or mrunet")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    subject = getattr(importlib.import_module(f"benchmarks.kills.{args.what}"), args.what.capitalize())()
    if unknown := set(args.variants or ()) - set(subject.variants):
        parser.error(f"--variants {min(unknown)}: --what {args.what} has {', '.join(sorted(set(subject.variants)))}")
    subject.variants = args.variants or subject.variants
    campaign = Campaign(
        subject, chosen=args.moments == "chosen", seed=args.seed, report=lambda line: print(line, flush=True)
    )
    with tempfile.TemporaryDirectory(prefix="kill-xla-") as compiled:  # what is compiled once serves all processes
        os.environ["JAX_COMPILATION_CACHE_DIR"] = compiled
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
        os.environ.setdefault(
            "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
        )
        survived = campaign.survives(args.kills)
    sys.exit(not survived)


if __name__ == "__main__":
    main()
