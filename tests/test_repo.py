"""Git: objects and our own refs; what is the person's is left alone."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from novum.errors import RepoError, UsageError
from novum.repo import Repo, branch_ref, experiment_ref

OURS = branch_ref("t")


def person_state(bed) -> dict[str, bytes]:
    """Everything of the person's: the working tree, and git's directory without objects."""
    state = {}
    for root, _, names in os.walk(bed.path):
        for name in names:
            path = Path(root, name)
            relative = str(path.relative_to(bed.path))
            if not relative.startswith((".git/objects", ".novum/")):
                state[relative] = path.read_bytes()
    return state


def test_a_directory_without_git_says_what_to_run(tmp_path):
    with pytest.raises(UsageError, match="git init"):
        Repo(tmp_path)


def test_a_repository_without_a_commit_says_what_to_run(tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    with pytest.raises(UsageError, match="no commit yet"):
        Repo(tmp_path)


def test_a_directory_within_a_repository_is_refused(bed):
    with pytest.raises(UsageError):
        Repo(bed.path / "notes")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_repository_of_another_owner_is_not_called_missing(bed):
    os.chown(bed.path, 12345, 12345)
    os.chown(bed.path / ".git", 12345, 12345)
    with pytest.raises(UsageError) as caught:
        Repo(bed.path)
    assert "git init" not in str(caught.value)
    assert "own" in str(caught.value)


def test_a_detached_head_is_a_commit_like_any_other(bed):
    head = bed.git("rev-parse", "HEAD")
    bed.git("checkout", "-q", "--detach")
    assert bed.repo.head() == head


def test_storing_a_commit_touches_nothing_of_the_persons(bed):
    before = person_state(bed)
    bed.repo.commit(bed.repo.head(), {"train.py": "x = 1\n"}, "m", 0.0)
    assert person_state(bed) == before


def test_the_same_arguments_give_the_same_commit(bed):
    head = bed.repo.head()
    commits = {bed.repo.commit(head, {"train.py": "x = 1\n"}, "m", 5.5) for _ in range(2)}
    assert len(commits) == 1


def test_a_commit_differs_from_its_parent_in_the_given_files_only(bed):
    head = bed.repo.head()
    new = bed.repo.commit(head, {"notes/plan.txt": "other\n", "deep/er/file": "n\n"}, "m", 0.0)
    assert set(bed.git("diff", "--name-only", head, new).split()) == {
        "notes/plan.txt",
        "deep/er/file",
    }
    assert bed.git("show", f"{new}:notes/plan.txt") == "other"
    assert bed.git("rev-parse", f"{new}^") == head
    bed.git("fsck", "--strict")


def test_a_commit_keeps_the_mode_of_a_program(bed):
    (bed.path / "train.py").chmod(0o755)
    bed.commit("executable")
    new = bed.repo.commit(bed.repo.head(), {"train.py": "x = 1\n"}, "m", 0.0)
    assert bed.git("ls-tree", new, "train.py").startswith("100755 ")


def test_entries_are_what_git_lists(bed):
    (bed.path / "link").symlink_to("train.py")
    bed.commit("link")
    lines = bed.git("ls-tree", "-r", "HEAD").splitlines()
    listed = {line.split("\t")[1]: tuple(line.split()[:3:2]) for line in lines}
    found = bed.repo.entries(bed.repo.head())
    assert {path: (f"{e.mode:06o}", e.blob) for path, e in found.items()} == listed


def test_changed_entries_lead_from_one_commit_to_another(bed):
    repo, old = bed.repo, bed.repo.head()
    bed.git("mv", "model.py", "other.py")
    new = bed.commit("rename", **{"train.py": "x = 9\n"})
    entries = repo.entries(old)
    for path, entry in repo.changed_entries(old, new).items():
        if entry is None:
            del entries[path]
        else:
            entries[path] = entry
    assert entries == repo.entries(new)


def test_a_submodule_is_refused(bed):
    bed.git("update-index", "--add", "--cacheinfo", f"160000,{bed.repo.head()},sub")
    bed.git("commit", "-q", "-m", "sub")
    with pytest.raises(RepoError, match="sub is a git submodule"):
        bed.repo.entries(bed.repo.head())


def test_a_file_that_is_not_text_is_refused_for_editing(bed):
    (bed.path / "train.py").write_bytes(b"\xff\x00")
    bed.commit("binary")
    with pytest.raises(RepoError, match=r"train\.py is not UTF-8 text"):
        bed.repo.file(bed.repo.head(), "train.py")


def test_line_ends_and_byte_order_marks_come_back_as_they_are(bed):
    text = "\ufeffa\r\nb\rc\n"
    new = bed.repo.commit(bed.repo.head(), {"train.py": text}, "m", 0.0)
    assert bed.repo.file(new, "train.py") == text


def test_a_commit_that_is_missing_is_named(bed):
    with pytest.raises(RepoError, match="0123456789 is missing"):
        bed.repo.files("0123456789" * 4, ("train.py",))


@pytest.mark.parametrize("what", ["HEAD^{tree}", "HEAD:train.py", "HEAD:lab.toml"])
def test_an_object_that_is_missing_is_an_error_in_words(bed, what):
    head, name = bed.repo.head(), bed.git("rev-parse", what).strip()
    (bed.path / ".git/objects" / name[:2] / name[2:]).unlink()
    repo, failed = Repo(bed.path), 0
    for attempt in (
        lambda: repo.commit(head, {"train.py": "x = 1\n"}, "message", 1.0),
        lambda: [repo.blob(entry.blob) for entry in repo.entries(head).values()],
        lambda: repo.files(head, ("train.py", "lab.toml")),
    ):
        try:
            attempt()
        except RepoError as error:
            assert "git" in str(error)
            failed += 1
    assert failed >= 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda bed: None, []),
        (lambda bed: bed.write({"train.py": "x = 5\n"}), ["train.py"]),
        (lambda bed: (bed.write({"model.py": "w\n"}), bed.git("add", "model.py")), ["model.py"]),
        (lambda bed: (bed.path / "train.py").unlink(), ["train.py"]),
        (lambda bed: (bed.path / "train.py").chmod(0o755), ["train.py"]),
        (lambda bed: bed.git("rm", "-q", "--cached", "train.py"), ["train.py"]),
        (lambda bed: bed.write({"untracked.txt": "?\n"}), []),
    ],
    ids=["clean", "edited", "staged", "deleted", "mode", "untracked now", "new"],
)
def test_what_is_not_committed_is_seen(bed, change, expected):
    change(bed)
    assert bed.repo.dirty() == expected


def test_looking_for_what_is_not_committed_writes_nothing(bed):
    os.utime(bed.path / "train.py")
    before = person_state(bed)
    bed.repo.dirty()
    assert person_state(bed) == before


def test_a_ref_moves_from_what_was_expected(bed):
    repo, first = bed.repo, bed.repo.head()
    second = repo.commit(first, {"train.py": "x = 1\n"}, "m", 0.0)
    repo.move(OURS, first, None)
    repo.move(OURS, second, first)
    assert bed.git("rev-parse", OURS) == second


def test_moving_a_ref_again_changes_nothing(bed):
    repo, first = bed.repo, bed.repo.head()
    repo.move(OURS, first, None)
    repo.move(OURS, first, None)
    assert repo.target(OURS) == first


def test_a_ref_that_somebody_else_moved_is_not_moved(bed):
    repo, first = bed.repo, bed.repo.head()
    second = repo.commit(first, {"train.py": "x = 1\n"}, "m", 0.0)
    third = repo.commit(first, {"train.py": "x = 2\n"}, "m", 0.0)
    bed.git("update-ref", OURS, second)
    with pytest.raises(RepoError, match="moved by somebody else") as caught:
        repo.move(OURS, third, first)
    assert repo.target(OURS) == second
    advice = str(caught.value).partition("put it back with: git ")[2]
    bed.git(*advice.split())
    repo.move(OURS, third, first)


def test_the_advice_about_a_ref_that_should_not_exist_can_be_followed(bed):
    repo, first = bed.repo, bed.repo.head()
    second = repo.commit(first, {"train.py": "x = 1\n"}, "m", 0.0)
    ref = experiment_ref("t", 0)
    bed.git("update-ref", ref, second)
    with pytest.raises(RepoError) as caught:
        repo.move(ref, first, None)
    advice = str(caught.value).partition("put it back with: git ")[2]
    bed.git(*advice.split())
    repo.move(ref, first, None)


RACER = """
import sys
from pathlib import Path
from novum.errors import RepoError
from novum.repo import Repo
repo, won = Repo(Path(sys.argv[1])), 0
texts = [{"train.py": f"{sys.argv[2]} {number}\\n"} for number in range(60)]
mine = [repo.commit(repo.head(), text, "m", 0.0) for text in texts]
for commit in mine:
    before = repo.target("refs/heads/autoresearch/t")
    try:
        repo.move("refs/heads/autoresearch/t", commit, before)
        won += 1
    except RepoError:
        pass
print(won)
"""


def test_of_two_processes_that_move_a_ref_each_move_is_seen_or_refused(bed):
    """Each success left a line in the reflog that starts where the one before it ended."""
    bed.git("config", "core.logAllRefUpdates", "true")
    bed.repo.move(OURS, bed.repo.head(), None)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(bed.path), name], stdout=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    won = sum(int(racer.communicate(timeout=60)[0]) for racer in racers)
    log = (bed.path / ".git/logs" / OURS).read_text().splitlines()
    moves = [line.split()[:2] for line in log][-won:]
    assert len(log) >= won > 0
    assert all(one[1] == other[0] for one, other in pairwise(moves))
    assert moves[-1][1] == bed.git("rev-parse", OURS)


def test_a_branch_in_the_way_is_a_repo_error(bed):
    bed.git("branch", "autoresearch")
    with pytest.raises(RepoError, match="could not be moved"):
        bed.repo.move(OURS, bed.repo.head(), None)


def test_branches_that_are_checked_out_anywhere_are_known(bed, tmp_path):
    bed.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    assert bed.repo.checked_out_branches() == {"refs/heads/main", "refs/heads/side"}


def test_branches_that_are_checked_out_are_known_from_a_linked_worktree_too(bed, tmp_path):
    bed.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    found = Repo(tmp_path / "side").checked_out_branches()
    assert found == {"refs/heads/main", "refs/heads/side"}


def test_tidying_loses_nothing(bed):
    repo, commits = bed.repo, []
    for number in range(5):
        commits.append(repo.commit(repo.head(), {"train.py": f"x = {number}\n"}, "m", 0.0))
        repo.move(experiment_ref("t", number), commits[-1], None)
    loose = repo.commit(repo.head(), {"train.py": "unreferenced\n"}, "m", 0.0)
    repo.tidy()
    assert [repo.target(experiment_ref("t", n)) for n in range(5)] == commits
    assert repo.file(loose, "train.py") == "unreferenced\n"
    repo.move(experiment_ref("t", 5), commits[0], None)
    bed.git("fsck", "--strict")


def test_objects_that_the_person_packs_are_found_again(bed):
    repo = bed.repo
    commit = repo.commit(repo.head(), {"train.py": "x = 1\n"}, "m", 0.0)
    repo.move(OURS, commit, None)
    bed.git("gc", "-q", "--prune=now")
    assert repo.file(commit, "train.py") == "x = 1\n"
    assert repo.target(OURS) == commit


def test_without_git_on_the_path_tidying_is_left_for_another_time(bed, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    bed.repo.tidy()
