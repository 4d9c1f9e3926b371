"""Two changes are the same if they do the same, however they are written."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.likeness import fingerprint
from novum.patch import diff

CODE = "import x\n\ndef f():\n    lr = 0.02\n    name = 'a'\n    g(a, b)\n    return 1\n"


def mark(before: str, after: str, path: str = "train.py") -> str | None:
    return fingerprint(diff({path: before}, {path: after}).text)


SAME = {
    "number": ("lr = 0.02", "lr = 0.001", "lr = 1e-3"),
    "underscores": ("lr = 0.02", "lr = 10000", "lr = 10_000.0"),
    "spaces": ("lr = 0.02", "lr = 0.3", "lr=0.3"),
    "comment": ("lr = 0.02", "lr = 0.3", "lr = 0.3  # higher"),
    "quotes": ("name = 'a'", "name = 'b'", 'name = "b"'),
    "lines": ("g(a, b)", "g(a, b, c)", "g(\n        a,\n        b,\n        c,\n    )"),
    "blank lines": ("lr = 0.02", "lr = 0.3", "lr = 0.3\n\n"),
}


@pytest.mark.parametrize(("old", "one", "other"), SAME.values(), ids=SAME)
def test_another_way_to_write_a_change_is_the_same_change(old, one, other):
    assert mark(CODE, CODE.replace(old, one)) is not None
    assert mark(CODE, CODE.replace(old, one)) == mark(CODE, CODE.replace(old, other))


DIFFERENT = {
    "number": ("lr = 0.02", "lr = 0.001", "lr = 0.0011"),
    "sign": ("lr = 0.02", "lr = 2", "lr = -2"),
    "name": ("lr = 0.02", "lr = a", "lr = b"),
    "string": ("name = 'a'", "name = 'b'", "name = 'c'"),
    "hash in a string": ("name = 'a'", "name = 'a#b'", "name = 'a#c'"),
    "block": ("    return 1", "    return 2", "return 2"),
    "large whole numbers": ("lr = 0.02", f"lr = {2**60}", f"lr = {2**60 + 1}"),
}


@pytest.mark.parametrize(("old", "one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_another_change_is_another_change(old, one, other):
    assert mark(CODE, CODE.replace(old, one)) != mark(CODE, CODE.replace(old, other))


def test_the_same_lines_in_another_place_are_another_change():
    code = "def f():\n    x = 0\n    return x\n\ndef g():\n    x = 0\n    y = x\n    return y\n"
    first = code.replace("    x = 0\n    return", "    x = 1\n    return")
    second = code.replace("    x = 0\n    y", "    x = 1\n    y")
    assert mark(code, first) != mark(code, second)
    assert mark(code, first, "a.py") != mark(code, first, "b.py")


@pytest.mark.parametrize("after", [CODE + "\n\n", "# why\n" + CODE, CODE.replace("lr =", "lr  =")])
def test_what_says_nothing_new_is_no_change(after):
    assert mark(CODE, after) is None


def test_a_hash_is_a_triple_bond_in_a_molecule():
    assert mark("CC#N\n", "CC#C\n", "lead.smi") not in {None, mark("CC#N\n", "CC\n", "lead.smi")}


def test_the_order_of_changes_does_not_count():
    far = "\n".join(f"a{n} = {n}" for n in range(30)) + "\n"
    both = far.replace("a2 = 2", "a2 = 5").replace("a27 = 27", "a27 = 5")
    one, two = (f"{x}.py" for x in "ab")
    before, after = {one: far, two: far}, {one: both, two: both}
    whole = diff(before, after).text
    turned = diff({two: far}, {two: both}).text + diff({one: far}, {one: both}).text
    assert fingerprint(whole) == fingerprint(turned)


LINES = st.lists(st.text(alphabet=string.printable + "é日\x85\u2028", max_size=12), max_size=8)


@given(LINES, LINES)
def test_any_two_texts_have_a_mark_or_say_the_same(before, after):
    old, new = "\n".join(before), "\n".join(after)
    for path in ("a.py", "a.txt"):
        found = mark(old, new, path)
        assert found == mark(old, new, path)
        if old.split() == new.split() and "'" not in old:
            assert found is None or path == "a.py"


@given(LINES)
def test_a_line_that_looks_like_a_header_is_a_line(lines):
    text = "\n".join(lines)
    assert mark(f"{text}\n-- a\n", f"{text}\n++ b\n", "a.txt") is not None
