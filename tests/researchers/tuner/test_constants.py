"""Constants: found where they stand, and replaced there, with all else as it is."""

import ast
import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.researchers.tuner.constants import constants_in, with_values

PYTHON = '''"""What é it does."""
import os
RATE = 0.02  # é, and a comment
DEPTH: int = 4
KIND = "relu"; NAME = 'x'
FLAG = True
BELOW = -2.5
BIG = 10_000
A = B = 3
SUM = 2 + 2
PAIR = (1, 2)
NOTHING = None
if FLAG:
    HIDDEN = 1
class Model:
    width = 8
'''


def values(files) -> dict:
    return {constant.name: constant.value for constant in constants_in(files)}


def test_the_constants_of_a_python_file_are_its_outermost_plain_values():
    assert values({"a.py": PYTHON}) == {
        "RATE": 0.02,
        "DEPTH": 4,
        "KIND": "relu",
        "NAME": "x",
        "FLAG": True,
        "BELOW": -2.5,
        "BIG": 10_000,
    }


def test_a_constant_knows_its_place():
    found = {constant.name: constant for constant in constants_in({"a.py": PYTHON})}
    assert found["RATE"].where == "a.py:3"
    assert PYTHON[found["BELOW"].start : found["BELOW"].end] == "-2.5"
    assert PYTHON[found["NAME"].start : found["NAME"].end] == "'x'"


def test_a_value_is_replaced_where_it_stands_and_the_rest_stays():
    files = {"a.py": PYTHON, "b.py": "OTHER = 1\n"}
    found = {constant.name: constant for constant in constants_in(files)}
    wanted = {"RATE": 0.001, "DEPTH": 12, "KIND": 'ge"lu', "NAME": "y", "FLAG": False, "BIG": 7}
    after = with_values(files, [(found[name], value) for name, value in wanted.items()])
    expected = PYTHON
    for old, new in (
        ("0.02 ", "0.001 "),
        ("int = 4", "int = 12"),
        ('"relu"', '"ge\\"lu"'),
        ("'x'", "'y'"),
        ("FLAG = True", "FLAG = False"),
        ("10_000", "7"),
    ):
        expected = expected.replace(old, new)
    assert after == {"a.py": expected, "b.py": "OTHER = 1\n"}
    assert values(after) == values(files) | wanted | {"OTHER": 1}


def test_an_unchanged_value_keeps_the_way_it_is_written():
    found = constants_in({"a.py": "BIG = 10_000\nRATE = 2e-2\n"})
    after = with_values(
        {"a.py": "BIG = 10_000\nRATE = 2e-2\n"}, [(found[0], 10_000), (found[1], 0.02)]
    )
    assert after == {"a.py": "BIG = 10_000\nRATE = 2e-2\n"}


TOML = """\
top = 1
words = '''
fake = 3
[fake]
'''
[model]
width = 64    # wide
kind = 'relu'
inner.rate = 1e-3
list = [1, 2]
[model.deep]
on = true
[[layer]]
size = 3
"""


def test_the_constants_of_a_toml_file_have_the_names_of_their_tables():
    found = constants_in({"a.toml": TOML})
    assert {constant.name: constant.value for constant in found} == {
        "top": 1,
        "model.width": 64,
        "model.kind": "relu",
        "model.inner.rate": 1e-3,
        "model.deep.on": True,
    }
    wanted = {"model.width": 128, "model.kind": 'a"b', "model.deep.on": False, "top": 2.5}
    after = with_values({"a.toml": TOML}, [(c, wanted[c.name]) for c in found if c.name in wanted])
    data = tomllib.loads(after["a.toml"])
    assert data["model"]["width"] == 128 and data["model"]["kind"] == 'a"b'
    assert data["model"]["deep"]["on"] is False and data["top"] == 2.5
    assert "# wide" in after["a.toml"] and data["words"] == tomllib.loads(TOML)["words"]


def test_the_constants_of_a_json_file_have_the_names_of_their_objects():
    text = (
        '{"a": {"rate": 1e-3, "list": [1, {"x": 2}], "b": {"on": true}},\n "n": null, "w": "\\"{"}'
    )
    found = constants_in({"a.json": text})
    assert [(c.name, c.value, c.line) for c in found] == [
        ("a.rate", 1e-3, 1),
        ("a.b.on", True, 1),
        ("w", '"{', 2),
    ]
    after = with_values({"a.json": text}, [(found[0], 0.5), (found[2], "é")])
    assert json.loads(after["a.json"]) == json.loads(text) | {
        "a": {"rate": 0.5, "list": [1, {"x": 2}], "b": {"on": True}},
        "w": "é",
    }


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "RATE = = 1\n"),
        ("a.py", "X = 1\0"),
        ("a.toml", "x = "),
        ("a.json", "{"),
        ("a.c", "x=1"),
    ],
)
def test_a_file_that_is_not_sound_or_of_another_kind_has_no_constants(path, text):
    assert constants_in({path: text}) == []


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_of_any_kind_are_counted(ending):
    text = ending.join(["# é\u2028\x0c", "A = 1", "B = 'é'", ""])
    found = constants_in({"a.py": text})
    assert [(one.name, text[one.start : one.end]) for one in found] == [("A", "1"), ("B", "'é'")]


PLAIN = st.one_of(
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


@given(old=PLAIN, new=PLAIN, path=st.sampled_from(["a.py", "a.toml", "a.json"]))
def test_what_is_written_is_what_a_program_reads(old, new, path):
    before, after = "# é\n", "\nZ = 1\n"
    if path == "a.json":
        text = '{"A": ' + json.dumps(old) + "}"
    else:
        toml = json.dumps(old, ensure_ascii=False).replace("\x7f", "\\u007f")
        shown = repr(old) if path == "a.py" else toml
        text = f"{before}A = {shown}{after}"
    found = [one for one in constants_in({path: text}) if one.name == "A"]
    assert [one.value for one in found] == [old]
    written = with_values({path: text}, [(found[0], new)])[path]
    read = {
        "a.py": lambda: ast.literal_eval(ast.parse(written).body[0].value),
        "a.toml": lambda: tomllib.loads(written)["A"],
        "a.json": lambda: json.loads(written)["A"],
    }[path]()
    assert read == new and isinstance(read, bool) == isinstance(new, bool)
