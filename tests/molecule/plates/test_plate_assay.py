"""assay.toml: what is wrong is named by its key, before a plate goes out."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

from plate_cases import POTENCY, SIGNAL, potency, signal

from novum import labs
from novum.errors import LabError
from novum.lab import parse_lab, read_lab
from novum.molecule.plates.assay import AssayTables, parse_assay, read_assay, require_fitting
from novum.molecule.plates.reading import Found

WRONG = {
    "unknown": (POTENCY + "colour = 1\n", "unknown key `plate.colour`"),
    "missing": (POTENCY.replace('unit = "nM"\n', ""), "`assay.unit` is missing"),
    "unit": (POTENCY.replace("nM", "ug"), "`assay.unit` = 'ug'"),
    "format": (POTENCY.replace("format = 24", "format = 48"), "`plate.format` = 48"),
    "replicates": (POTENCY.replace("replicates = 2", "replicates = 0"), "`plate.replicates`"),
    "text": (POTENCY.replace("replicates = 2", 'replicates = "2"'), "`plate.replicates`"),
    "p of raw": (POTENCY.replace('"nM"', '"raw"'), 'becomes = "p" needs a concentration'),
    "no controls": (SIGNAL.partition("[controls")[0], "percent inhibition needs both controls"),
    "one well": (SIGNAL.replace("wells = 3", "wells = 1"), "two wells of each control"),
    "z prime alone": (POTENCY + "[quality]\nz_prime = 0.5\n", "quality.z_prime needs both"),
    "z prime": (SIGNAL.replace("z_prime = 0.5", "z_prime = 1.5"), "`quality.z_prime` = 1.5"),
    "limits": (POTENCY + "[limits]\nlowest = 9.0\nhighest = 1.0\n", "lowest must be less"),
    "expiry": (POTENCY + "[expiry]\nplates = -1.0\n", "`expiry.plates` = -1.0"),
    "expected": (
        POTENCY + '[controls.positive]\nname = "a"\nexpected = [9.0, 8.0]\n',
        "low must be less",
    ),
    "outside": (POTENCY.replace("[plate]", 'series = "../x"\n[plate]'), "`assay.series`"),
    "not toml": ("[assay", "assay.toml"),
}
LAB = """
[lab]
name = "a"
[metric]
name = "pic50"
direction = "maximize"
[budget]
seconds = 1
[files]
editable = ["lead.smi"]
[trial]
run = ["true"]
"""


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_by_its_key(case):
    text, told = WRONG[case]
    with pytest.raises(LabError) as caught:
        parse_assay(text)
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_the_column_is_headed_with_the_unit():
    assert potency().heading == "IC50 (nM)"
    assert signal().heading == "Signal"


def test_values_wait_for_controls_only_where_they_are_needed():
    assert signal().needs_controls
    assert not potency().needs_controls
    assert not potency('[controls.positive]\nname = "a"\n').needs_controls
    assert potency('[controls.positive]\nname = "a"\nexpected = [7.0, 8.0]\n').needs_controls


def test_an_assay_must_speak_of_the_metric_of_its_lab():
    require_fitting(potency(), parse_lab(LAB))
    for old, new in (("pic50", "affinity"), ("maximize", "minimize"), ("lead.smi", "other.smi")):
        with pytest.raises(LabError, match=r"assay\.toml"):
            require_fitting(potency(), parse_lab(LAB.replace(old, new)))


def test_a_lab_without_an_assay_is_told_how_to_get_one(tmp_path):
    with pytest.raises(LabError, match="novum new assay"):
        read_assay(tmp_path)


def test_every_key_is_documented_with_its_default():
    page = (Path(__file__).parents[3] / "docs" / "assays.md").read_text(encoding="utf-8")
    text = page.partition("\n## assay.toml\n")[2].partition("\n## ")[0]
    sections = dict(re.findall(r"^### `\[(\w+)\]`$(.*?)(?=^### |\Z)", text, re.M | re.S))
    assert set(sections) == set(AssayTables.model_fields)
    for name, field in AssayTables.model_fields.items():
        told = dict(re.findall(r"^\| `(\w+)` \| .*? \| ([^|]*) \| [^|]*\|$", sections[name], re.M))
        keys = field.annotation.model_fields
        assert set(told) == set(keys), name
        for key, one in keys.items():
            wanted = "required" if one.is_required() else json.dumps(one.default)
            assert told[key].strip("`") == wanted.replace("null", "none"), f"{name}.{key}"


def test_every_status_of_a_well_is_documented():
    page = (Path(__file__).parents[3] / "docs" / "assays.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\| `(\w+)` \| [^|]* \|$", page, re.M)) >= set(Found) - {Found.NUMBER}


def test_the_assay_of_the_lab_that_comes_with_novum_is_sound(tmp_path):
    labs.create("assay", tmp_path / "lab")
    require_fitting(read_assay(tmp_path / "lab"), read_lab(tmp_path / "lab"))
