"""Granules in an answer of NASA's Common Metadata Repository (CMR), in its native format ECHO10.

UMM JSON has no size in bytes and no checksum per file for MODIS and VIIRS; ECHO10 has (`AdditionalFile`).
"""

import re
import urllib.parse
from typing import Final
from xml.etree.ElementTree import Element, ParseError

import defusedxml
import defusedxml.ElementTree  # the standard parser expands entities: a small answer can fill the memory

from data_builders.download.addresses import whole_number
from data_builders.download.outcome import Checksum, Remote
from data_builders.download.products import parse_file_name
from lstsr_jax.errors import InputError

# "SHA-256", "SHA256" and the like; digits of a digest. Anything else counts as no checksum: the size is checked.
_ALGORITHMS: Final = {"md5": 32, "sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128}


def parse_results(body: bytes) -> tuple[list[Remote], int]:
    """Files of the granules in one page.

    Args:
        body: `<results><result><Granule>...`.

    Returns:
        The files that have an address and a granule's name, and the number of all results.

    Raises:
        InputError: not such an answer.
    """
    try:
        root = defusedxml.ElementTree.fromstring(body, forbid_dtd=True)
    except (ParseError, defusedxml.DefusedXmlException, ValueError) as error:
        raise InputError(f"the search's answer is no ECHO10 ({error}); check --cmr-url") from None
    if root.tag != "results":
        raise InputError(f"the search's answer is <{root.tag}>, no ECHO10 results; check --cmr-url")
    granules = root.findall("result/Granule")
    return [remote for granule in granules if (remote := _remote(granule)) is not None], len(root.findall("result"))


def parse_errors(body: bytes) -> str:
    """What an answer with an error status says, in one line; "" if it says nothing readable."""
    try:
        root = defusedxml.ElementTree.fromstring(body, forbid_dtd=True)
    except (ParseError, defusedxml.DefusedXmlException, ValueError):
        return ""
    return " ".join(" ".join(error.text or "" for error in root.iter("error")).split())[:300]


def _remote(granule: Element) -> Remote | None:
    """The data file of a granule: an https (or http) address that ends in a granule's name; no s3, no picture."""
    for element in granule.iterfind("OnlineAccessURLs/OnlineAccessURL/URL"):
        url = (element.text or "").strip()
        parts = urllib.parse.urlsplit(url)
        file_name = parts.path.rpartition("/")[2]
        name = parse_file_name(file_name)
        if name is None or parts.scheme not in ("https", "http") or "opendap" in (parts.hostname or ""):
            continue
        size, checksum = _stated(granule, file_name)
        return Remote(name, file_name, url, size, checksum, size or _megabytes(granule))
    return None


def _stated(granule: Element, file_name: str) -> tuple[int | None, Checksum | None]:
    """Size and checksum of a file: those of its `AdditionalFile`, else those of the granule."""
    for extra in granule.iterfind("DataGranule/AdditionalFile"):
        if (extra.findtext("Name") or "").strip() == file_name:
            return _whole(extra, "SizeInBytes"), _checksum(extra)
    return _whole(granule, "DataGranule/DataGranuleSizeInBytes"), _checksum(granule.find("DataGranule"))


def _checksum(element: Element | None) -> Checksum | None:
    if element is None:
        return None
    algorithm = re.sub(r"[^a-z0-9]", "", (element.findtext("Checksum/Algorithm") or "").lower())
    value = (element.findtext("Checksum/Value") or "").strip().lower()
    if algorithm in _ALGORITHMS and re.fullmatch(rf"[0-9a-f]{{{_ALGORITHMS[algorithm]}}}", value):
        return Checksum(algorithm, value)
    if algorithm == "cksum" and (number := whole_number(value)) is not None:
        return Checksum("cksum", str(number))
    return None


def _whole(element: Element, path: str) -> int | None:
    """A positive whole number, or None: some records have an empty element."""
    return whole_number((element.findtext(path) or "").strip()) or None


def _megabytes(granule: Element) -> int:
    """Bytes, roughly; 0 if the record does not say."""
    text = (granule.findtext("DataGranule/SizeMBDataGranule") or "").strip()
    return int(float(text) * 2**20) if re.fullmatch(r"\d{1,12}(\.\d*)?", text, re.ASCII) else 0
