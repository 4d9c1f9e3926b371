"""Whatever an agent leaves in its tree: only the editable files, as plain text, are a change."""

import os
import subprocess

import pytest
from agent_stage import LOWER

from novum.errors import PatchError
from novum.patch import apply_edits
from novum.records import Edit
from novum.repo import Repo
from novum.researchers.agent.tree import Tree, open_beneath, read_beneath

LOWERED = (Edit("train.py", "x = 0\n", "x = -1\n"),)
EDIT = 'write("train.py", "x = -1\\n");'


@pytest.fixture
def tree(bed, tmp_path) -> Tree:
    bed.commit("ignore", **{".gitignore": "scratch/\n*.log\n"})
    made = Tree(Repo(bed.path), tmp_path / "tree", bed.lab.files.editable, (".aider*",))
    made.make(bed.repo.head(), "the briefing")
    return made


def put(tree: Tree, path: str, text: str = "x") -> None:
    (tree.directory / path).parent.mkdir(parents=True, exist_ok=True)
    (tree.directory / path).write_text(text)


def git(tree: Tree, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=tree.directory, capture_output=True, text=True, check=True
    )
    return done.stdout


def refused(tree: Tree) -> dict[str, str]:
    return dict(tree.changes().refused)


def test_it_holds_the_parent_and_is_a_repository_where_diff_works(tree):
    assert (tree.directory / "notes/plan.txt").read_text() == "the person's plan\n"
    assert (tree.directory / ".novum-briefing.md").read_text() == "the briefing"
    assert git(tree, "status", "--porcelain") == ""
    put(tree, "train.py", "x = -1\n")
    assert "-x = 0" in git(tree, "diff")
    assert tree.changes().edits == LOWERED


def test_a_commit_of_the_agents_changes_nothing(tree):
    put(tree, "train.py", "x = -1\n")
    git(tree, "commit", "-qam", "mine")
    assert tree.changes().edits == LOWERED


def test_no_command_that_the_agent_put_into_its_repository_is_run(tree, tmp_path):
    put(tree, "train.py", "x = -1\n")
    trap = tmp_path / "trap"
    script = tmp_path / "run"
    script.write_text(f"#!/bin/sh\ntouch {trap}\n")
    script.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "diff.external", "filter.x.clean"):
        git(tree, "config", name, str(script))
    put(tree, ".gitattributes", "* filter=x diff=x\n")
    assert tree.changes().edits == LOWERED
    assert not trap.exists()


def test_the_repository_may_be_gone(tree):
    subprocess.run(["rm", "-rf", str(tree.directory / ".git")], check=True)
    put(tree, "train.py", "x = -1\n")
    assert tree.changes().edits == LOWERED


@pytest.mark.parametrize("path", ["evaluate.py", "lab.toml", "notes/plan.txt"])
def test_a_changed_file_that_is_not_editable_is_refused(tree, path):
    put(tree, path, "mine")
    changes = tree.changes()
    assert dict(changes.refused) == {path: "is changed"}
    with pytest.raises(PatchError, match=f"{path} may not be edited"):
        apply_edits({}, changes.foreign, {"train.py"})


def test_a_new_file_is_refused(tree):
    put(tree, "helpers/fast.py")
    assert refused(tree) == {"helpers/fast.py": "is new"}


def test_a_frozen_file_that_is_gone_is_refused(tree):
    (tree.directory / "evaluate.py").unlink()
    assert refused(tree) == {"evaluate.py": "is gone"}


def test_a_frozen_file_that_became_a_link_or_a_directory_is_refused(tree):
    (tree.directory / "evaluate.py").unlink()
    (tree.directory / "evaluate.py").symlink_to("train.py")
    assert refused(tree) == {"evaluate.py": "is a link"}
    (tree.directory / "evaluate.py").unlink()
    put(tree, "evaluate.py/x")
    assert refused(tree) == {"evaluate.py": "is gone", "evaluate.py/x": "is new"}


@pytest.mark.parametrize(
    "path", ["__pycache__/a.pyc", "scratch/notes", "run.log", ".aider.chat.history.md"]
)
def test_what_programs_leave_and_what_git_ignores_is_no_change(tree, path):
    put(tree, path)
    assert not tree.changes().refused


def test_a_deleted_editable_file_is_an_empty_one(tree):
    (tree.directory / "model.py").unlink()
    assert tree.changes().edits == (Edit("model.py", "width = 8\ndepth = 2\n", ""),)


def test_an_executable_bit_is_no_change(tree):
    (tree.directory / "train.py").chmod(0o755)
    (tree.directory / "evaluate.py").chmod(0o600)
    assert tree.changes() == type(tree.changes())()


def test_a_link_in_the_place_of_an_editable_file_is_not_followed(tree, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("the person's key")
    (tree.directory / "train.py").unlink()
    (tree.directory / "train.py").symlink_to(secret)
    changes = tree.changes()
    assert dict(changes.refused) == {"train.py": "is a link"}
    assert "key" not in repr(changes)


def test_a_link_to_a_directory_is_not_followed(tree, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("the person's key")
    (tree.directory / "more").symlink_to(outside)
    changes = tree.changes()
    assert dict(changes.refused) == {"more": "is new"}
    assert "key" not in repr(changes)


def test_special_files_are_refused_and_do_not_make_us_wait(tree):
    (tree.directory / "train.py").unlink()
    os.mkfifo(tree.directory / "train.py")
    os.mkfifo(tree.directory / "pipe")
    assert refused(tree) == {"train.py": "is no ordinary file", "pipe": "is new"}


def test_what_is_no_text_is_refused_and_never_applies(tree):
    (tree.directory / "train.py").write_bytes(b"x = 1 # \xff\xfe\n")
    changes = tree.changes()
    assert dict(changes.refused) == {"train.py": "is not UTF-8 text"}
    with pytest.raises(PatchError, match="cannot be written as UTF-8"):
        apply_edits({"train.py": "x = 0\n"}, changes.foreign, {"train.py"})


def test_a_huge_file_is_refused_unread(tree):
    with (tree.directory / "train.py").open("wb") as file:
        file.truncate(10**11)
    assert refused(tree) == {"train.py": "is larger than 2 MB"}


def test_a_directory_deeper_than_a_path_can_be_is_no_harm(tree):
    script = "for i in range(60):\n os.mkdir('d' * 100); os.chdir('d' * 100)\nopen('x', 'w')"
    subprocess.run(["python3", "-c", f"import os\n{script}"], cwd=tree.directory, check=True)
    put(tree, "train.py", "x = -1\n")
    assert tree.changes().edits == LOWERED
    subprocess.run(["rm", "-rf", str(tree.directory)], check=True)  # pytest could not


def test_a_name_that_is_no_text_is_refused_in_words(tree):
    (tree.directory / os.fsdecode(b"bad\xff")).write_text("x")
    assert refused(tree) == {"bad\\xff": "is new"}


def test_another_repository_inside_is_refused(tree):
    subprocess.run(["git", "init", "-q", "sub"], cwd=tree.directory, check=True)
    assert "sub/.git/HEAD" in refused(tree)


def test_the_next_tree_is_clean_whatever_was_left(tree, bed):
    (tree.directory / "train.py").unlink()
    (tree.directory / "train.py").mkdir()
    (tree.directory / ".novum-briefing.md").unlink()
    (tree.directory / ".novum-briefing.md").mkdir()
    (tree.directory / ".git/locked").mkdir()
    (tree.directory / ".git/locked").chmod(0)
    tree.make(bed.repo.head(), "again")
    assert tree.changes() == type(tree.changes())()
    assert git(tree, "log", "--format=%s") == "the parent\n"


def test_no_link_on_the_way_leads_out(tree, tmp_path):
    (tmp_path / "secret").write_text("key")
    (tree.directory / "way").symlink_to(tmp_path)
    for path in ("way/secret", "../secret", "notes/../../secret"):
        with pytest.raises(OSError):
            os.close(open_beneath(tree.directory, path, os.O_RDONLY))
        assert isinstance(read_beneath(tree.directory, path, 10), str)


@pytest.mark.parametrize(
    "trick",
    [
        'subprocess.run(["git", "commit", "-qam", "done"]);',
        'subprocess.run(["git", "config", "core.fsmonitor", "false"]);',
        'write("__pycache__/x.pyc", "");',
        'os.chmod("train.py", 0o755);',
        'os.symlink("/etc/passwd", ".novum-proposal.toml") if not os.path.lexists'
        '(".novum-proposal.toml") else None;',
        'os.remove(".novum-briefing.md"); os.mkdir(".novum-briefing.md");',
        "os.makedirs('.novum-prompt.md2', exist_ok=True);",
    ],
)
def test_tricks_leave_a_sound_change_as_it_is(stage, walls, trick):
    stage.install("claude")
    stage.plan(EDIT + trick + 'say("I lowered x.")')
    proposal = stage.ask(stage.agent())
    assert proposal.edits == LOWERED
    assert "root:" not in repr(proposal)


def test_a_link_that_stays_gives_a_proposal_that_says_so(stage):
    stage.install("claude")
    stage.plan('os.remove("train.py"); os.symlink("/etc/passwd", "train.py"); say("ok")')
    proposal = stage.ask(stage.agent())
    assert proposal.edits == ()
    assert proposal.title == "Refused: train.py is a link"


def test_the_persons_repository_is_not_touched(stage):
    stage.install("claude")
    stage.plan(LOWER)
    before = stage.bed.git("for-each-ref"), stage.bed.git("status", "--porcelain")
    stage.ask(stage.agent())
    after = stage.bed.git("for-each-ref"), stage.bed.git("status", "--porcelain")
    assert after[0] == before[0]
    assert (stage.bed.path / "train.py").read_text() == "x = 0\n"
