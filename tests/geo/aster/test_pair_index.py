"""index.csv as programs and spreadsheets write it."""

import pytest

from lstsr_jax.errors import InputError
from lstsr_jax.geo import index_shifts, recorded_shifts

TEXT = "id,reg_ndvi_dy_px250,reg_ndvi_dx_px250\n001,0.5,-1.25\n002,3.00,1\n"
SHIFTS = {"001": (0.5, -1.25), "002": (3.0, 1.0)}
SEMICOLONS = TEXT.replace(",", ";")


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        SEMICOLONS.encode(),
        SEMICOLONS.replace(".", ",").encode("utf-8-sig"),
        TEXT.replace(",", "\t").encode("utf-16"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        ("sep=;\n" + SEMICOLONS).encode(),
        b"\n" + TEXT.encode() + b"\n,,\n",
        b' ID , "reg_ndvi_dy_px250" ,reg_ndvi_dx_px250 \n 001 , 0.5 , -1.25 \n002,3.00,1\n',
        b'id,reg_ndvi_dy_px250,reg_ndvi_dx_px250\n001,"0,5","-1,25"\n002,"3,00","1"\n',
        b"id,reg_ndvi_dy_px250,reg_ndvi_dx_px250\n1,0.5,-1.25\n2,3.00,1\n",
        "note,reg_ndvi_dx_px250,id,reg_ndvi_dy_px250\nforêt,-1.25,001,0.5\n,1,002,3\n".encode("cp1252"),
        TEXT.encode() + b"099,far,away\n",
    ],
    ids=[
        "plain", "bom", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "semicolons", "decimal commas", "tabs", "crlf",
        "cr", "sep line", "blank lines", "spaces", "quoted commas", "lost zeros", "cp1252 and order", "other pairs",
    ],
)  # fmt: skip
def test_every_form_is_read(tmp_path, data):
    (tmp_path / "index.csv").write_bytes(data)
    assert index_shifts(tmp_path, ["001", "002"]) == SHIFTS
    assert recorded_shifts(tmp_path, ["001", "002"]) == list(SHIFTS.values())


HEADER = "id,reg_ndvi_dy_px250,reg_ndvi_dx_px250\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"PK\x03\x04\x00\x00\x08\x00", "not a text file; save it as CSV"),
        (b"name,reg_ndvi_dy_px250,reg_ndvi_dx_px250\n001,1,2\n", "no column id"),
        (b"id,reg_ndvi_dy_px250\n001,1\n", "no column reg_ndvi_dx_px250"),
        ((HEADER + "001,far,1\n").encode(), "line 2: 'far' is no shift"),
        ((HEADER + "001,0.5,\n").encode(), "line 2: '' is no shift"),
        ((HEADER + "001,inf,1\n").encode(), "correct the decimal point"),
        ((HEADER + "001,837,1071\n").encode(), "line 2: a shift of 837 rows and 1071 columns"),
        ((HEADER + "001,0,84,1,07\n").encode(), "line 2 has more values than columns"),
        ((HEADER + "001,1,1\n001,2,1\n").encode(), "line 3 gives pair 001 a second shift"),
    ],
)
def test_what_cannot_be_used_is_one_line_with_the_file(tmp_path, data, message):
    (tmp_path / "index.csv").write_bytes(data)
    with pytest.raises(InputError, match=message) as error:
        index_shifts(tmp_path, ["001"])
    assert str(error.value).startswith(f"{tmp_path / 'index.csv'}: ") and "\n" not in str(error.value)


def test_pairs_without_a_shift_are_left_out(tmp_path):
    assert index_shifts(tmp_path, ["001"]) == {}
    (tmp_path / "index.csv").write_text("id,utm\n001,32632\n")
    assert index_shifts(tmp_path, ["001"]) == {}
    (tmp_path / "index.csv").write_text(HEADER + "001,,\n002,NaN,nan\n003,1,2\n")
    assert index_shifts(tmp_path, ["001", "002", "003"]) == {"003": (1, 2)}


def test_recorded_shifts(tmp_path):
    assert recorded_shifts(tmp_path, ["001"]) is None
    index = tmp_path / "index.csv"
    index.write_text("id,reg_ndvi_dy_px250,reg_ndvi_dx_px250\n001,0.5,1.25\n002,,\n003,far,1\n")
    assert recorded_shifts(tmp_path, ["001"]) == [(0.5, 1.25)]
    assert recorded_shifts(tmp_path, ["001", "002"]) is None
    with pytest.raises(InputError, match=r"index.csv: .*far"):
        recorded_shifts(tmp_path, ["003"])
