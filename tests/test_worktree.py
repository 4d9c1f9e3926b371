"""A worktree holds exactly a commit's files, whatever a trial does to it."""

import contextlib
import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from novum.repo import Repo
from novum.worktree import Worktree

TRACKED = {
    "train.py": "x = 0\n",
    "empty": "",
    "lib/a.py": "a\n",
    "lib/b.py": "b\n",
    "lib/deep/c.py": "c\n",
    "run.sh": "#!/bin/sh\n",
}
LINKS = {"link": "train.py", "lib/up": "../train.py"}


def held(directory: Path) -> dict[str, object]:
    """What a directory holds, as git sees it; and whether its owner can use it."""
    found: dict[str, object] = {}
    for root, names, files in os.walk(directory):
        for name in [*files, *names]:
            path = Path(root, name)
            facts = path.lstat()
            key = path.relative_to(directory).as_posix()
            if stat.S_ISLNK(facts.st_mode):
                found[key] = ("link", str(path.readlink()))
            elif stat.S_ISREG(facts.st_mode):
                found[key] = ("file", path.read_bytes(), bool(facts.st_mode & 0o100))
            else:
                found[key] = (stat.S_IFMT(facts.st_mode),)
    return found


def expected(git_listing: dict[str, object]) -> dict[str, object]:
    """The same with the directories that the files lie in."""
    found = dict(git_listing)
    for path in git_listing:
        for parent in list(Path(path).parents)[:-1]:
            found[parent.as_posix()] = (stat.S_IFDIR,)
    return found


@pytest.fixture
def world(bed, tmp_path):
    """A repository with files, programs and links; a worktree for it."""
    for name in ("train.py", "model.py", "evaluate.py", "lab.toml", "notes/plan.txt"):
        (bed.path / name).unlink()
    bed.write(TRACKED)
    (bed.path / "run.sh").chmod(0o755)
    for name, target in LINKS.items():
        (bed.path / name).symlink_to(target)
    bed.commit("world")
    return bed.repo, bed.repo.head(), tmp_path / "slot" / "tree"


def wanted(repo: Repo, commit: str, edited: dict[str, str] | None = None) -> dict[str, object]:
    listing: dict[str, object] = {}
    for path, entry in repo.entries(commit).items():
        content = repo.blob(entry.blob)
        if entry.mode == 0o120000:
            listing[path] = ("link", content.decode())
        else:
            content = (edited or {}).get(path, content.decode()).encode()
            listing[path] = ("file", content, bool(entry.mode & 0o111))
    for path, text in (edited or {}).items():
        listing.setdefault(path, ("file", text.encode(), False))
    return expected(listing)


PATHS = st.sampled_from([*TRACKED, *LINKS, "lib", "lib/deep", "new", "new/er", "lib/x", "é\udcff"])
DEEDS = st.one_of(
    st.tuples(st.just("write"), PATHS, st.sampled_from(["x = 0\n", "x = 1\n", "", "a\n"])),
    st.tuples(st.just("append"), PATHS, st.just("more")),
    st.tuples(st.just("delete"), PATHS),
    st.tuples(st.just("rename"), PATHS, PATHS),
    st.tuples(st.just("chmod"), PATHS, st.sampled_from([0o644, 0o755, 0o600, 0o700, 0o777])),
    st.tuples(st.just("link"), PATHS, st.sampled_from(["train.py", "/etc/passwd", ".", "nowhere"])),
    st.tuples(st.just("hardlink"), PATHS, PATHS),
    st.tuples(st.just("directory"), PATHS),
    st.tuples(st.just("fifo"), PATHS),
    st.tuples(st.just("touch"), PATHS),
)


def do(directory: Path, deed: tuple) -> None:
    """What a program might do; what fails, fails."""
    kind, path, *rest = deed
    target = directory / path
    with contextlib.suppress(OSError, shutil.Error):
        match kind:
            case "write":
                if target.is_symlink() or target.is_fifo():  # never through it
                    target.unlink()
                replace_file(target, rest[0])
            case "append":
                if target.is_file() and not target.is_symlink():
                    with target.open("a") as file:
                        file.write(rest[0])
            case "delete":
                if target.is_dir() and not target.is_symlink():
                    shutil.rmtree(target)
                else:
                    target.unlink()
            case "rename":
                target.rename(directory / rest[0])
            case "chmod":
                if target.is_file() and not target.is_symlink():
                    target.chmod(rest[0])
            case "link":
                target.unlink(missing_ok=True)
                target.symlink_to(rest[0])
            case "hardlink":
                os.link(target, directory / rest[0], follow_symlinks=False)
            case "directory":
                if not target.is_dir():
                    target.unlink(missing_ok=True)
                target.mkdir(parents=True)
            case "fifo":
                target.unlink(missing_ok=True)
                os.mkfifo(target)
            case "touch":
                os.utime(target, (0, 0), follow_symlinks=False)


def replace_file(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(trials=st.lists(st.lists(DEEDS, max_size=6), min_size=1, max_size=3))
def test_whatever_trials_do_the_commit_comes_back_and_the_tampering_is_reported(world, trials):
    repo, commit, directory = world
    shutil.rmtree(directory, ignore_errors=True)
    tree = Worktree(repo, directory)
    tree.fill(commit)
    sound = wanted(repo, commit)
    for deeds in trials:
        assert held(directory) == sound
        for deed in deeds:
            do(directory, deed)
        now = held(directory)
        tracked = repo.entries(commit)
        tampered = {path for path in tracked if now.get(path) != sound[path]}
        assert set(tree.restore()) == tampered
        assert held(directory) == sound
    tree.fill(commit)
    assert held(directory) == sound


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    visits=st.lists(
        st.tuples(
            st.integers(0, 4),
            st.dictionaries(
                st.sampled_from(["train.py", "lib/a.py", "brand/new.py", "run.sh"]),
                st.sampled_from(["x = 1\n", "x = 22\n", ""]),
                max_size=2,
            ),
        ),
        min_size=2,
        max_size=6,
    )
)
def test_from_any_commit_to_any_other_exactly_its_files_are_there(world, visits):
    repo, first, directory = world
    shutil.rmtree(directory, ignore_errors=True)
    commits = [
        first,
        repo.commit(first, {"train.py": "x = 3\n"}, "m", 0.0),
        repo.commit(first, {"lib/deep/er/d.py": "d\n"}, "m", 0.0),
        repo.commit(first, {"lib/a.py": "other\n", "top.py": "t\n"}, "m", 0.0),
        repo.commit(first, {"brand/new.py": "n\n"}, "m", 0.0),
    ]
    tree = Worktree(repo, directory)
    for index, edited in visits:
        tree.fill(commits[index], edited)
        assert held(directory) == wanted(repo, commits[index], edited)
        assert tree.restore() == []


def test_a_file_may_become_a_directory_in_another_commit_and_back(bed, tmp_path):
    repo, old = bed.repo, bed.repo.head()
    bed.git("rm", "-q", "train.py")
    new = bed.commit("other", **{"train.py/inner": "i\n"})
    tree = Worktree(repo, tmp_path / "tree")
    for commit in (old, new, old):
        tree.fill(commit)
        assert held(tree.directory) == wanted(repo, commit)


def test_a_change_that_forges_size_and_times_is_seen(world):
    repo, commit, directory = world
    tree = Worktree(repo, directory)
    tree.fill(commit)
    assert tree.restore() == []
    target = directory / "train.py"
    facts = target.stat()
    with target.open("r+") as file:
        file.write("y")
    os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert tree.restore() == ["train.py"]


def test_many_changes_within_one_tick_of_the_clock_are_all_seen(world):
    repo, commit, directory = world
    tree = Worktree(repo, directory)
    tree.fill(commit)
    for number in range(200):
        text = f"x = {number % 2 + 1}\n"
        (directory / "train.py").write_text(text)
        assert tree.restore() == ["train.py"], number
        assert (directory / "train.py").read_text() == "x = 0\n"


def test_files_that_a_trial_leaves_are_removed_and_not_held_against_it(world):
    repo, commit, directory = world
    tree = Worktree(repo, directory)
    tree.fill(commit)
    (directory / "__pycache__").mkdir()
    (directory / "__pycache__" / "a.pyc").write_bytes(b"\0")
    (directory / "out").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(directory)
        server.bind("socket")
        os.chdir(here)
    assert tree.restore() == []
    assert held(directory) == wanted(repo, commit)


def test_a_link_that_a_trial_leaves_is_not_followed(world, tmp_path):
    repo, commit, directory = world
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("p")
    tree = Worktree(repo, directory)
    tree.fill(commit)
    shutil.rmtree(directory / "lib")
    (directory / "lib").symlink_to(outside)
    (directory / "more").symlink_to(outside)
    assert set(tree.restore()) == {"lib/a.py", "lib/b.py", "lib/deep/c.py", "lib/up"}
    assert (outside / "precious").read_text() == "p"
    tree.fill(commit)
    assert held(directory) == wanted(repo, commit)


def test_a_directory_that_became_a_link_is_not_followed(world, tmp_path):
    repo, commit, directory = world
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("p")
    tree = Worktree(repo, directory)
    tree.fill(commit)
    shutil.rmtree(directory)
    directory.symlink_to(outside)
    tree.restore()
    assert (outside / "precious").exists()
    assert held(directory) == wanted(repo, commit)


def test_a_directory_that_vanished_comes_back(world):
    repo, commit, directory = world
    tree = Worktree(repo, directory)
    tree.fill(commit)
    shutil.rmtree(directory)
    assert set(tree.restore()) == {*TRACKED, *LINKS}
    assert held(directory) == wanted(repo, commit)


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_permissions_do_not_outlast_a_trial(world, mode):
    repo, commit, directory = world
    tree = Worktree(repo, directory)
    tree.fill(commit)
    (directory / "train.py").chmod(mode)
    tree.restore()
    assert stat.S_IMODE((directory / "train.py").stat().st_mode) == 0o644


@pytest.mark.parametrize("name", [".", "lib"])
def test_permissions_of_directories_do_not_outlast_a_trial(world, name):
    repo, commit, directory = world
    tree = Worktree(repo, directory)
    tree.fill(commit)
    before = stat.S_IMODE((directory / name).stat().st_mode)
    (directory / name).chmod(0o500)
    tree.restore()
    assert stat.S_IMODE((directory / name).stat().st_mode) == before


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from novum.repo import Repo
from novum.worktree import Worktree
os.setgid(12345)
os.setuid(12345)
repo = Repo(Path(sys.argv[1]))
tree = Worktree(repo, Path(sys.argv[2]))
tree.fill(repo.head())
(tree.directory / "notes/new").mkdir()
(tree.directory / "notes/new/file").write_text("x")
for path in sys.argv[3:]:
    (tree.directory / path).chmod(0)
tree.restore()
for path in ("notes/plan.txt", "train.py"):
    print((tree.directory / path).read_text())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    "locked", [["."], ["notes"], ["notes/new"], ["train.py"], ["notes/new", "notes"]], ids=" ".join
)
def test_an_unprivileged_machine_gets_back_what_a_trial_locked(bed, tmp_path, locked):
    for root, names, files in os.walk(bed.path):
        for path in [root, *(Path(root, name) for name in [*names, *files])]:
            os.chown(path, 12345, 12345)
    place = tmp_path / "slots"
    place.mkdir()
    os.chown(place, 12345, 12345)
    for parent in [place, *place.parents][:-2]:
        parent.chmod(parent.stat().st_mode | 0o055)
    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, str(bed.path), str(place / "tree"), *locked],
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": str(place)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["the", "person's", "plan", "x", "=", "0"]


def deepen(directory: Path, levels: int) -> None:
    """Directories within directories, deeper than any path can name."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(directory)
        for _ in range(levels):
            os.mkdir("d")  # noqa: PTH102  no path could name it
            os.chdir("d")
    finally:
        os.fchdir(here)
        os.close(here)


@pytest.mark.parametrize(
    "levels",
    [
        200,
        1200,
    ],
)
def test_deep_directories_are_removed(world, levels):
    repo, commit, directory = world
    tree = Worktree(repo, directory)
    tree.fill(commit)
    try:
        deepen(directory, levels)
        assert tree.restore() == []
        assert held(directory) == wanted(repo, commit)
        Worktree(repo, directory).fill(commit)
    finally:
        subprocess.run(["rm", "-rf", str(directory)], check=True)


def test_a_second_worktree_in_the_same_place_starts_over(world):
    repo, commit, directory = world
    Worktree(repo, directory).fill(commit)
    (directory / "train.py").write_text("left by a machine that died")
    (directory / "left").write_text("over")
    Worktree(repo, directory).fill(commit)
    assert held(directory) == wanted(repo, commit)


def test_after_a_full_disk_the_next_fill_is_whole(bed, small_disk):
    """The retry of a trial must not run a mixture of two commits."""
    repo, old = bed.repo, bed.repo.head()
    new = bed.commit("large", **{"model.py": "m" * 400_000, "train.py": "x = 1\n"})
    tree = Worktree(repo, small_disk / "tree")
    tree.fill(old)
    stuffing = small_disk / "stuffing"
    stuffing.write_bytes(b"\0" * 700_000)
    with pytest.raises(OSError, match="No space left"):
        tree.fill(new)
    stuffing.unlink()
    tree.fill(new)
    assert held(tree.directory) == wanted(repo, new)


def test_an_executable_stays_one_through_an_edit(world):
    repo, commit, directory = world
    Worktree(repo, directory).fill(commit, {"run.sh": "#!/bin/true\n"})
    assert os.access(directory / "run.sh", os.X_OK)


def test_permissions_behind_a_link_are_left_alone(world, tmp_path):
    repo, commit, directory = world
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    (tmp_path / "outside" / "deep").chmod(0o700)
    tree = Worktree(repo, directory)
    tree.fill(commit)
    shutil.rmtree(directory / "lib")
    (directory / "lib").symlink_to(tmp_path / "outside")
    tree.restore()
    assert stat.S_IMODE((tmp_path / "outside" / "deep").stat().st_mode) == 0o700


def test_a_directory_that_is_removed_while_it_is_filled_is_a_fault_of_the_disk(world, monkeypatch):
    repo, commit, place = world
    tree, read, removed = Worktree(repo, place), Repo.entries, []

    def entries(self, commit):
        if not removed:
            removed.append(shutil.rmtree(place))
        return read(self, commit)

    monkeypatch.setattr(Repo, "entries", entries)
    with pytest.raises(FileNotFoundError):
        tree.fill(commit)
    tree.fill(commit)
    assert held(place) == wanted(repo, commit)
