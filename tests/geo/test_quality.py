"""Quality bytes against tables written out as bit strings."""

import numpy as np
import pytest

from lstsr_jax.geo import QualityPolicy, accept, decode

BITS = [f"{code:08b}" for code in range(256)]  # bit 7 first: LST error, emissivity error, data, mandatory
CODES = np.arange(256, dtype=np.uint8)


def test_every_code_decodes_as_its_bit_string():
    fields = decode(CODES)
    for code, bits in enumerate(BITS):
        assert fields.lst_error[code] == int(bits[0:2], 2)
        assert fields.emissivity_error[code] == int(bits[2:4], 2)
        assert fields.data[code] == int(bits[4:6], 2)
        assert fields.mandatory[code] == int(bits[6:8], 2)
    assert all(field.dtype == np.uint8 for field in fields)


@pytest.mark.parametrize(
    ("policy", "mandatory", "emissivity", "lst"),
    [
        (QualityPolicy(), {"00", "01"}, {"00", "01", "10", "11"}, {"00", "01", "10"}),
        (QualityPolicy(max_lst_error_k=1), {"00", "01"}, {"00", "01", "10", "11"}, {"00"}),
        (QualityPolicy(max_lst_error_k=2), {"00", "01"}, {"00", "01", "10", "11"}, {"00", "01"}),
        (
            QualityPolicy(max_lst_error_k=None),
            {"00", "01"},
            {"00", "01", "10", "11"},
            {"00", "01", "10", "11"},
        ),
        (QualityPolicy(max_emissivity_error=0.02), {"00", "01"}, {"00", "01"}, {"00", "01", "10"}),
        (QualityPolicy(max_emissivity_error=0.04), {"00", "01"}, {"00", "01", "10"}, {"00", "01", "10"}),
        (QualityPolicy(good_only=True), {"00"}, {"00", "01", "10", "11"}, {"00", "01", "10"}),
    ],
)
def test_policies_on_every_code(policy, mandatory, emissivity, lst):
    expected = [b[6:8] in mandatory and b[2:4] in emissivity and b[0:2] in lst for b in BITS]
    np.testing.assert_array_equal(accept(CODES, policy), expected)


def test_the_codes_of_a_real_granule():
    kept = {0: True, 17: True, 65: True, 81: True, 129: True, 145: True, 2: False, 3: False, 193: False}
    assert {code: bool(accept(np.uint8(code))) for code in kept} == kept


def test_shape_is_kept():
    codes = CODES[:30].reshape(5, 3, 2)
    assert accept(codes).shape == (5, 3, 2)
    np.testing.assert_array_equal(accept(codes).ravel(), accept(CODES[:30]))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_other_types_are_refused(dtype):
    with pytest.raises(ValueError, match="uint8"):
        accept(CODES.astype(dtype))


@pytest.mark.parametrize("options", [{"max_lst_error_k": 2.5}, {"max_lst_error_k": 4}, {"max_emissivity_error": 0.03}])
def test_bounds_between_the_classes_are_refused(options):
    with pytest.raises(ValueError, match="must be"):
        QualityPolicy(**options)
