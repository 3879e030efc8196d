"""What a network says of the products it was trained on."""

from lstsr_jax.predictor.provenance import Provenance

BUILD = {"acquisitions": {"MOD11A1.h18v04": {"2020": "2"}, "VNP21A1D.h08v05": {"2024": "4"}}}


def test_the_products_are_those_of_the_dataset():
    trained = Provenance("runs/mine", recorded={"dataset": {"build": BUILD}})
    assert trained.products == ("MOD11A1", "VNP21A1D")
    assert trained.foreign_products(["VNP21A1D", "MOD11A1"]) == ""
    line = trained.foreign_products(["MYD11A1", "MOD11A1"])
    assert line.startswith("runs/mine was trained on MOD11A1, VNP21A1D, not on MYD11A1") and "\n" not in line


def test_shipped_models_know_theirs_and_a_silent_checkpoint_says_nothing():
    world = ("MOD11A1", "MOD11A2", "VNP21A1D")
    assert Provenance("default").products == Provenance("edsr-b8w64-world").products == world
    assert Provenance("guided").products == ("MOD11A1",)
    assert Provenance("runs/old").products is None
    assert Provenance("runs/old").foreign_products(["VNP21A1D"]) == ""
