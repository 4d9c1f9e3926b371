"""A diff from outside becomes edits of editable files, or is refused with a reason."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.applied import edits_of_diff
from novum.errors import PatchError
from novum.patch import apply_edits

FILES = {
    "train.py": "".join(f"line {number}\n" for number in range(1, 21)),
    "model/net.py": "width = 8\ndepth = 2\n",
}
EDITABLE = ("train.py", "model/net.py", "new.py")
CHANGE = """--- a/train.py
+++ b/train.py
@@ -3,3 +3,3 @@
 line 3
-line 4
+line four
 line 5
"""


def applied(diff: str, files=FILES, editable=EDITABLE) -> dict[str, str]:
    return apply_edits(files, edits_of_diff(files, diff, editable), editable)


def refused(diff: str, files=FILES) -> str:
    with pytest.raises(PatchError) as caught:
        edits_of_diff(files, diff, EDITABLE)
    message = str(caught.value)
    assert "\n" not in message
    assert "/tmp" not in message
    return message


def test_a_diff_of_git_becomes_edits_that_say_the_same():
    assert applied(CHANGE)["train.py"] == FILES["train.py"].replace("line 4\n", "line four\n")
    assert applied(CHANGE)["model/net.py"] == FILES["model/net.py"]


def test_the_edits_are_as_small_as_the_change_so_they_fit_a_file_that_moved_on():
    (edit,) = edits_of_diff(FILES, CHANGE, EDITABLE)
    moved = "# more above\n" + FILES["train.py"].replace("line 9\n", "")
    assert "line four" in apply_edits({"train.py": moved}, [edit], EDITABLE)["train.py"]


@pytest.mark.parametrize(
    "diff",
    [
        CHANGE.replace("a/", "").replace("b/", ""),
        f"```diff\n{CHANGE}```",
        CHANGE.replace("@@ -3,3 +3,3 @@", "@@ -3,9 +3,1 @@"),
        CHANGE.replace("@@ -3,3 +3,3 @@", "@@ -9,3 +9,3 @@"),
        CHANGE.rstrip("\n"),
        f"I changed one line:\n--- here\n\n{CHANGE}",
        f"diff --git a/train.py b/train.py\nindex 123..456 100755\n{CHANGE}",
    ],
    ids=["bare paths", "fenced", "wrong counts", "wrong line", "no end", "prose", "other mode"],
)
def test_what_models_get_nearly_right_is_taken(diff):
    assert "line four" in applied(diff)["train.py"]


def test_several_files_and_a_new_one_that_may_be_made():
    diff = (
        CHANGE
        + "--- a/model/net.py\n+++ b/model/net.py\n"
        + "@@ -1,2 +1,2 @@\n width = 8\n-depth = 2\n+depth = 3\n"
        + "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+made = True\n"
    )
    after = applied(diff)
    assert after["new.py"] == "made = True\n"
    assert "depth = 3" in after["model/net.py"]
    assert "line four" in after["train.py"]


def test_carriage_returns_and_the_missing_end_of_a_file_are_kept():
    files = {"train.py": "a\r\nb\r\nlast"}
    diff = "--- a/train.py\n+++ b/train.py\n@@ -1,3 +1,3 @@\n a\r\n-b\r\n+c\r\n last\n"
    diff += "\\ No newline at end of file\n"
    assert applied(diff, files)["train.py"] == "a\r\nc\r\nlast"


@pytest.mark.parametrize(
    ("diff", "why"),
    [
        (CHANGE.replace("train.py", "evaluate.py"), "evaluate.py may not be edited; editable: "),
        (CHANGE.replace("train.py", "../train.py"), "may not be edited"),
        (CHANGE.replace("train.py", "model/../train.py"), "may not be edited"),
        (CHANGE.replace("a/train.py", "/etc/passwd"), "may not be edited"),
        ("--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", "may not be edited"),
        (CHANGE.replace("train.py", ".git/config"), "may not be edited"),
        (CHANGE.replace("line 4", "line 99"), "does not apply: patch failed: train.py:3"),
        (CHANGE.replace("-line 4\n+line four", " line 4"), "no unified diff|leaves every file"),
        ("", "no unified diff"),
        ("*** Begin Patch\n*** Update File: train.py\n*** End Patch\n", "no unified diff"),
        ("x" * 1_000_001, "at most"),
        ("--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-line 1\n+\ud800\n", "UTF-8"),
    ],
)
def test_anything_else_is_refused_with_the_reason(diff, why):
    message = refused(diff)
    assert any(part in message for part in why.split("|")), message


GIT = "diff --git a/train.py b/{}\n"


@pytest.mark.parametrize(
    ("diff", "what"),
    [
        (
            GIT.format("new.py")
            + "similarity index 100%\nrename from train.py\nrename to new.py\n",
            "rename",
        ),
        (
            GIT.format("new.py") + "similarity index 100%\ncopy from train.py\ncopy to new.py\n",
            "copy",
        ),
        (GIT.format("train.py") + "old mode 100644\nnew mode 100755\n" + CHANGE, "mode change"),
        (
            "diff --git a/new.py b/new.py\nnew file mode 120000\n--- /dev/null\n+++ b/new.py\n"
            "@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n",
            "create mode 120000",
        ),
        (
            "diff --git a/new.py b/new.py\nnew file mode 160000\n--- /dev/null\n+++ b/new.py\n"
            "@@ -0,0 +1 @@\n+Subproject commit 4662433f4662433f4662433f4662433f46624330\n",
            "create mode 160000",
        ),
        (
            "diff --git a/model/net.py b/model/net.py\ndeleted file mode 100644\n"
            "--- a/model/net.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-width = 8\n-depth = 2\n",
            "delete mode",
        ),
    ],
    ids=["rename", "copy", "mode", "link", "submodule", "delete"],
)
def test_what_only_a_tree_can_take_is_refused(diff, what):
    assert what in refused(diff)


def test_a_binary_change_is_refused(tmp_path):
    for words in (["init", "-q"], ["config", "user.email", "t@localhost"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "train.py").write_bytes(b"text\n")
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    (tmp_path / "train.py").write_bytes(b"\x00\x01binary")
    diff = subprocess.run(
        ["git", "diff", "--binary"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert "binary" in refused(diff, {"train.py": "text\n"})


def test_the_configuration_and_the_repository_around_do_not_matter(tmp_path, monkeypatch):
    (tmp_path / "config").write_text("[apply]\n\twhitespace = error\n[core]\n\tautocrlf = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    diff = CHANGE.replace("line four", "line four   ")
    assert "line four   \n" in applied(diff)["train.py"]


LINES = st.lists(st.sampled_from(["a\n", "b\n", "c = 1\n", "\n", "    x\n"]), max_size=12)


@given(before=LINES, after=LINES)
def test_what_git_makes_of_two_texts_is_what_the_edits_make(before, after, tmp_path_factory):
    old, new = "".join(before), "".join(after)
    directory = tmp_path_factory.mktemp("pair")
    for side, text in (("a", old), ("b", new)):
        (directory / side).mkdir()
        (directory / side / "train.py").write_text(text)
    words = ["git", "diff", "--no-index", "--no-prefix", "a/train.py", "b/train.py"]
    diff = subprocess.run(words, cwd=directory, capture_output=True, text=True).stdout
    if old == new:
        assert diff == ""
        return
    assert applied(diff, {"train.py": old})["train.py"] == new
