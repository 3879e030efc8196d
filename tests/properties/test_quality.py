"""Quality codes of every value, against a table of bits written down from the products' user guides."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lstsr_jax.geo import SCHEMES, QualityPolicy, accept, decode, to_kelvin
from lstsr_jax.geo.products import LST_PACKING
from lstsr_jax.geo.raster import pack_kelvin

# First bit of each field of two bits; MOD11 user guide, collection 6.1, table 13; VNP21A1D.002, attribute "QA Legend".
FIELDS = {
    "MOD11": {"mandatory": 0, "data": 2, "emissivity_error": 4, "lst_error": 6},
    "TES16": {
        "mandatory": 0,
        "data": 2,
        "cloud": 4,
        "iterations": 6,
        "opacity": 8,
        "contrast": 10,
        "emissivity_accuracy": 12,
        "lst_accuracy": 14,
    },
    "TES8": {"mandatory": 0, "data": 2, "emissivity_accuracy": 4, "lst_accuracy": 6},
}
# Largest error of the values 00, 01, 10, 11 of the last two fields: of TES 11 is the best, of MOD11 00.
LST_K = {"MOD11": [1, 2, 3, 99], "TES16": [99, 2, 1.5, 1], "TES8": [99, 2, 1.5, 1]}
EMISSIVITY = {"MOD11": [0.01, 0.02, 0.04, 99], "TES16": [99, 0.02, 0.015, 0.01], "TES8": [99, 0.02, 0.015, 0.01]}
BITS = {"MOD11": 8, "TES16": 16, "TES8": 8}

schemes = st.sampled_from(sorted(FIELDS))
policies = st.builds(
    QualityPolicy, st.sampled_from([None, 1, 2, 3]), st.sampled_from([None, 0.01, 0.02, 0.04]), st.booleans()
)


def bits_of(codes, count):
    """(N, count) zeros and ones, the lowest bit first, by their binary digits as text."""
    return np.array([[int(digit) for digit in f"{int(code):0{count}b}"[::-1]] for code in codes]).reshape(-1, count)


@st.composite
def some_codes(draw):
    name = draw(schemes)
    values = draw(st.lists(st.integers(0, 2 ** BITS[name] - 1), min_size=1, max_size=20))
    return name, np.array(values, SCHEMES[name].dtype)


@settings(max_examples=40)
@given(some_codes())
def test_fields_are_the_bits_that_the_documentation_names(drawn):
    name, codes = drawn
    bits, found = bits_of(codes, BITS[name]), decode(codes, SCHEMES[name])
    assert found._fields == tuple(FIELDS[name])
    for field, first in FIELDS[name].items():
        np.testing.assert_array_equal(getattr(found, field), bits[:, first] + 2 * bits[:, first + 1])


@settings(max_examples=30)
@given(schemes, policies)
def test_every_code_is_kept_as_the_documentation_says(name, policy):
    codes = np.arange(2 ** BITS[name], dtype=SCHEMES[name].dtype)
    fields = {field: codes // 2**first % 4 for field, first in FIELDS[name].items()}
    *_, emissivity, error = fields
    kept = fields["mandatory"] <= (0 if policy.good_only else 1)
    if policy.max_lst_error_k is not None:
        kept &= np.array(LST_K[name])[fields[error]] <= policy.max_lst_error_k
        if name != "MOD11":  # TES says of cloud what its accuracies do not
            kept &= fields["mandatory"] == 0
            kept &= fields.get("cloud", np.zeros(len(codes))) == 0
    if policy.max_emissivity_error is not None:
        kept &= np.array(EMISSIVITY[name])[fields[emissivity]] <= policy.max_emissivity_error
    np.testing.assert_array_equal(accept(codes, policy, SCHEMES[name]), kept)


@settings(max_examples=20)
@given(some_codes(), policies)
def test_a_stricter_policy_keeps_no_more(drawn, policy):
    name, codes = drawn
    kept = accept(codes, policy, SCHEMES[name])
    loose = QualityPolicy(None, policy.max_emissivity_error, policy.good_only)
    assert not (kept & ~accept(codes, loose, SCHEMES[name])).any()
    if policy.max_lst_error_k in (1, 2):
        wider = QualityPolicy(policy.max_lst_error_k + 1, policy.max_emissivity_error, policy.good_only)
        assert not (kept & ~accept(codes, wider, SCHEMES[name])).any()


@settings(max_examples=30)
@given(st.lists(st.one_of(st.floats(150, 400, width=32), st.just(np.nan)), min_size=1, max_size=30))
def test_kelvin_there_and_back_through_the_steps_of_the_product(values):
    lst = np.array(values, np.float32)
    steps = pack_kelvin(lst)
    back = to_kelvin(steps)
    np.testing.assert_array_equal(np.isnan(back), np.isnan(lst))
    np.testing.assert_allclose(back, lst, atol=0.010001 + 2e-5)
    np.testing.assert_array_equal(pack_kelvin(back), steps)
    low, high = LST_PACKING.valid
    assert ((steps == 0) | ((steps >= low) & (steps <= high))).all()
