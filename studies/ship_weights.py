"""Add a trained model to the package: ``python -m studies.ship_weights WORKDIR --name NAME --alias ALIAS``."""

import argparse
import dataclasses
import json
import shutil

from data_builders import prepare
from lstsr_jax.errors import InputError
from lstsr_jax.evaluation import check_unseen
from lstsr_jax.evaluation.protocols import STRICT
from lstsr_jax.evaluation.reliability import FITTED_ON, calibrate
from lstsr_jax.predictor import SpreadCalibration, load_predictor, save_predictor
from lstsr_jax.predictor.checkpoint import fingerprint
from lstsr_jax.predictor.shipped import FOLDER, INDEX, index


def fitted_spread(checkpoint: str) -> SpreadCalibration:
    """The calibration of a network's spread, fitted on the validation split of the data it was trained on.

    Raises:
        InputError: if it does not say what it was trained on, or it was trained on that split.
    """
    sibling = dataclasses.replace(load_predictor(checkpoint), calibration=None)
    data = sibling.provenance.data if sibling.provenance else None
    if data is None:
        raise InputError(f"{checkpoint}: does not say what it was trained on; its spread cannot be fitted")
    check_unseen([sibling], data, FITTED_ON)
    border = max(STRICT.crop, STRICT.crop_learned)
    return calibrate({"sibling": sibling}, prepare(data), border)["sibling"]


def main() -> None:
    """Copy the best checkpoint of a workdir, without its training state, and record its fingerprint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", help="training workdir or checkpoint directory")
    parser.add_argument("--name", required=True, help="name of the model, e.g. edsr-b8w64")
    parser.add_argument("--alias", required=True, help="short name, e.g. default")
    parser.add_argument(
        "--spread-of",
        help="checkpoint whose spread is fitted on its validation split and taken: the "
        "model itself, or a sibling that did not train on it",
    )
    parser.add_argument(
        "--product-spread",
        nargs=2,
        type=float,
        metavar=("FLOOR_K", "SCALE"),
        help="calibration of its spread from 1 km to 250 m, as studies.pair_spread prints it",
    )
    parser.add_argument("--self-ensemble", action="store_true", help="let it answer with its self-ensemble's mean")
    parser.add_argument("--products", help="it was trained on, separated by commas, if the checkpoint does not say it")
    parser.add_argument("--tiles", help="it is for, separated by commas, if it is not for any place")
    arguments = parser.parse_args()
    predictor = dataclasses.replace(load_predictor(arguments.workdir), ensembles=arguments.self_ensemble)
    trained = predictor.provenance.products if predictor.provenance else None
    if trained is None and arguments.products is None:
        raise InputError(f"{arguments.workdir}: does not say what products it was trained on; give --products")
    products = arguments.products or ",".join(trained or ())
    if arguments.spread_of:
        predictor = dataclasses.replace(predictor, calibration=fitted_spread(arguments.spread_of))
    if arguments.product_spread:
        predictor = dataclasses.replace(predictor, product_calibration=SpreadCalibration(*arguments.product_spread))
    entries = {name: entry for name, entry in index().items() if entry["alias"] != arguments.alias}
    for replaced in {arguments.name, *(set(index()) - set(entries))}:
        shutil.rmtree(FOLDER / replaced, ignore_errors=True)
    save_predictor(FOLDER / arguments.name, predictor)
    for marker in (FOLDER / arguments.name).rglob("commit_success.txt"):
        marker.write_text("complete\n")  # orbax names the machine's path in it
    entries[arguments.name] = {
        "alias": arguments.alias,
        "fingerprint": fingerprint(predictor.variables),
        "products": products,
        **({"tiles": arguments.tiles} if arguments.tiles else {}),
    }
    INDEX.write_text(json.dumps(dict(sorted(entries.items())), indent=1) + "\n")
    size = sum(path.stat().st_size for path in (FOLDER / arguments.name).rglob("*") if path.is_file())
    print(f"{arguments.name} ({arguments.alias}): {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
