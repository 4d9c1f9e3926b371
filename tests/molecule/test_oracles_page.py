"""docs/oracles.md tells the truth: its examples can be read, its tables are complete."""

import re
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("rdkit")
pytest.importorskip("sklearn")

import joblib
import numpy as np
from sklearn.ensemble import RandomForestClassifier

from novum.molecule.command import CommandTable
from novum.molecule.formulas import PropertyTable
from novum.molecule.library import KINDS
from novum.molecule.models import ModelTable
from novum.molecule.oracles import GROUP, read_oracle
from novum.molecule.properties import PROPERTIES
from novum.molecule.rest import RestTable
from novum.molecule.scores import Status
from novum.plugins import names

PAGE = (Path(__file__).parents[2] / "docs" / "oracles.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^<!-- oracle -->\n```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PROGRAMS = re.findall(
    r"^<!-- program: (\S+) -->\n```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
)
MODELS = {
    "property": PropertyTable,
    "qsar": ModelTable,
    "command": CommandTable,
    "rest": RestTable,
}


def rows(heading):
    """The tables' rows of a section, by their first cell."""
    text = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {first.strip("` "): rest for first, *rest in cells}


def kind_of(text):
    return tomllib.loads(text)["oracle"]["kind"]


@pytest.mark.parametrize("text", EXAMPLES, ids=kind_of)
def test_an_example_of_the_page_is_an_oracle(text, tmp_path, monkeypatch):
    (tmp_path / "oracle.toml").write_text(text)
    for name, program in PROGRAMS:
        (tmp_path / name).write_text(program)
    (tmp_path / "train.smi").write_text("CCO\n")
    features = np.eye(2, 2048, dtype=np.float32)
    model = RandomForestClassifier(2).fit(features, ["active", "inactive"])
    joblib.dump(model, tmp_path / "activity.joblib")
    monkeypatch.setenv("MODELS_TOKEN", "none")
    oracle = read_oracle(tmp_path / "oracle.toml")
    if kind_of(text) in {"rest", "docking"}:  # there is no such service; docking has its own tests
        return
    (score,) = oracle.score(["OCC"])
    assert score.status is Status.OK, score


def test_every_kind_has_an_example_or_a_page_of_its_own():
    assert {kind_of(text) for text in EXAMPLES} | {"pmo", "plate"} == set(names(GROUP))
    told = re.findall(r"^\| \[?`(\w+)`", PAGE.partition("\n## ")[0], re.MULTILINE)
    assert set(told) == set(names(GROUP))


def shown(default):
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, str):
        return f'"{default}"'
    return "[]" if default == () else "none" if default is None else str(default)


@pytest.mark.parametrize("kind", MODELS)
def test_every_key_is_documented_with_its_default(kind):
    fields = {field.alias or name: field for name, field in MODELS[kind].model_fields.items()}
    told = {key: cells for key, cells in rows(kind).items() if len(cells) == 2}
    assert set(told) == set(fields)
    for key, field in fields.items():
        default = told[key][1].strip("`")
        if field.is_required():
            assert default == "required", key
        elif (kind, key) not in {("property", "better"), ("qsar", "output")}:  # told in words
            assert default == shown(field.get_default(call_default_factory=True)), key


def test_every_property_and_status_is_documented():
    properties = {key for key, cells in rows("property").items() if len(cells) == 1}
    assert properties == set(PROPERTIES)
    told = {name: cells[-1].strip(" |") for name, cells in rows("What it answers").items()}
    assert told == {status: "yes" if status.lasting else "no" for status in Status}


def test_every_kind_of_file_is_documented():
    library = PAGE.partition("\n## A library\n")[2].partition("\n## ")[0]
    assert [kind for kind in KINDS if f"`{kind}`" not in library and kind != ".sd"] == [".sdf"]
    assert "SDF" in library


def test_the_program_of_the_page_tells_what_it_cannot_score(tmp_path):
    (text,) = (text for text in EXAMPLES if kind_of(text) == "command")
    (tmp_path / "oracle.toml").write_text(text)
    (tmp_path / "score.py").write_text(dict(PROGRAMS)["score.py"])
    short, long = read_oracle(tmp_path / "oracle.toml").score(["CCO", "C" * 50])
    assert (short.value, short.numbers) == (3.0, {"capitals": 3.0})
    assert (long.status, long.reason) == (Status.FAILED, "too long for this example")
