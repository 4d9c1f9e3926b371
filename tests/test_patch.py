"""Edits and diffs: what they change is exactly what they say."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novum.errors import PatchError
from novum.patch import apply_edits, diff, edits_between
from novum.records import Edit

# Few different lines, so that contexts repeat; endings that editors and Python disagree about.
LINES = st.sampled_from(["a", "b", "", "  a", "if a:", "é", "++x", "--- y", "@@"])
ENDINGS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\f", "\u2028", ""])
TEXTS = st.lists(st.tuples(LINES, ENDINGS).map("".join), max_size=12).map("".join)
PLAIN = st.lists(LINES.map(lambda line: line + "\n"), max_size=12).map("".join)
FILES = st.dictionaries(st.sampled_from(["train.py", "model.py", "d/x.py"]), TEXTS, max_size=3)
NAMES = {"train.py", "model.py", "d/x.py"}


def complaint(files, edits, editable=frozenset({"train.py"})) -> str:
    with pytest.raises(PatchError) as caught:
        apply_edits(files, edits, editable)
    return str(caught.value)


@given(before=FILES, after=FILES)
def test_the_edits_between_two_states_turn_one_into_the_other(before, after):
    edits = edits_between(before, after)
    if edits:
        assert apply_edits(before, edits, NAMES) == {**before, **after}
    else:
        assert {**before, **after} == before


@given(before=TEXTS, after=TEXTS)
def test_every_edit_that_was_found_has_a_text_that_occurs_once(before, after):
    text = before
    for edit in edits_between({"train.py": before}, {"train.py": after}):
        assert edit.search is None or text.count(edit.search) == 1
        text = edit.replace if edit.search is None else text.replace(edit.search, edit.replace)


@given(parts=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True))
def test_edits_of_different_places_stack_in_any_order(parts):
    start = {"train.py": "".join(f"{letter} = 0\n\n\n" for letter in "abcdef")}
    changes = [
        edits_between(
            start, {"train.py": start["train.py"].replace(f"{part} = 0", f"{part} = 1\n{part} = 2")}
        )
        for part in parts
    ]
    forth, back = dict(start), dict(start)
    for change in changes:
        forth = apply_edits(forth, change, NAMES)
    for change in reversed(changes):
        back = apply_edits(back, change, NAMES)
    assert forth == back


def test_a_later_edit_sees_what_an_earlier_one_wrote():
    edits = [Edit("train.py", "a", "b"), Edit("train.py", "b", "c")]
    assert apply_edits({"train.py": "a"}, edits, {"train.py"}) == {"train.py": "c"}


def test_a_change_leaves_the_files_it_was_given_as_they_were():
    files = {"train.py": "a"}
    apply_edits(files, [Edit("train.py", None, "b")], {"train.py"})
    assert files == {"train.py": "a"}


@given(path=st.text(max_size=8) | st.sampled_from(["evaluate.py", "./train.py", "../train.py"]))
def test_only_editable_files_may_be_edited(path):
    if path != "train.py":
        said = complaint({"train.py": "a", path: "b"}, [Edit(path, None, "x")])
        assert "may not be edited; editable: train.py" in said


@pytest.mark.parametrize(
    ("text", "search", "said"),
    [
        ("aXbX", "X", "occurs 2 times"),
        ("ab", "X", "is not there"),
        ("ab", "", "is not there"),
        ("a\r\nb", "a\nb", "is not there"),
    ],
)
def test_a_text_that_does_not_occur_exactly_once_is_refused(text, search, said):
    assert said in complaint({"train.py": text}, [Edit("train.py", search, "Y")])


def test_nothing_is_replaced_in_a_file_that_is_not_there():
    assert "does not exist" in complaint({}, [Edit("train.py", "a", "b")])


@pytest.mark.parametrize(
    "edits",
    [
        (),
        (Edit("train.py", "a", "a"),),
        (Edit("train.py", None, "a"),),
        (Edit("train.py", "a", "b"), Edit("train.py", "b", "a")),
    ],
)
def test_a_change_that_changes_nothing_is_refused(edits):
    assert "leaves every file as it was" in complaint({"train.py": "a"}, edits)


def test_one_wrong_edit_refuses_the_whole_change():
    edits = [Edit("train.py", "a", "b"), Edit("train.py", "gone", "c")]
    complaint({"train.py": "a"}, edits)


def test_an_empty_new_file_is_a_change():
    assert apply_edits({}, [Edit("train.py", None, "")], {"train.py"}) == {"train.py": ""}


def patched(before: str, text: str, directory) -> str:
    """What `git apply` makes of a diff."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    (directory / "train.py").write_bytes(before.encode())
    (directory / "the.diff").write_bytes(text.encode())
    command = ["git", "apply", "--unidiff-zero", "--whitespace=nowarn", "the.diff"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return (directory / "train.py").read_bytes().decode()


@settings(max_examples=40, deadline=None)
@given(before=PLAIN, after=PLAIN)
def test_git_can_apply_our_diffs(before, after, tmp_path_factory):
    if before and after and before != after:
        text = diff({"train.py": before}, {"train.py": after}).text
        assert patched(before, text, tmp_path_factory.getbasetemp() / "apply") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb", "a\nc"),
        ("a\nb", "a\nb\n"),
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        ("a\n\fdef f(): pass\nb\n", "a\n\fdef f(): pass\nc\n"),
    ],
    ids=["no newline at the end", "newline added", "windows", "form feed"],
)
def test_git_can_apply_a_diff_with_unusual_ends_of_lines(before, after, tmp_path):
    assert (
        patched(before, diff({"train.py": before}, {"train.py": after}).text, tmp_path / "x")
        == after
    )


@given(before=PLAIN, after=PLAIN)
def test_a_diff_counts_the_lines_it_adds_and_removes(before, after):
    found = diff({"train.py": before}, {"train.py": after})
    assert found.net_lines == after.count("\n") - before.count("\n")
    assert (found.added + found.removed == 0) == (before == after)


def test_the_diff_of_equal_files_is_empty():
    assert diff({"train.py": "a\n"}, {"train.py": "a\n"}).text == ""


def test_a_new_file_is_shown_as_new():
    assert diff({}, {"train.py": "a\n"}).text.startswith("--- /dev/null\n+++ b/train.py\n")
