"""Git: objects, refs under `refs/novum/`, and the campaign's branch.

Works on the object database and on our own refs only. The person's checked-out branch, index,
working tree and remotes are read, never written.
"""

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pygit2

from novum.errors import RepoError, UsageError

LOCK_CHECKS, LOCK_PAUSE = 20, 0.025  # seconds between looks at a lock that may be stale
HASH = re.compile(r"[0-9a-f]{6,40}")
BRANCH_PREFIX = "refs/heads/autoresearch/"
# Programs that a repository may name, and that git would run for us.
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a tree: its blob and its git mode (0o100644, 0o100755 or 0o120000)."""

    blob: str
    mode: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit changed of its first parent, which a repository's first commit has not."""

    commit: str
    parent: str | None
    diff: str
    added: int
    removed: int


def branch_ref(tag: str) -> str:
    """The full name of a campaign's branch."""
    return BRANCH_PREFIX + tag


def experiments_ref(tag: str) -> str:
    """What the names of a campaign's own refs begin with."""
    return f"refs/novum/{tag}"


def experiment_ref(tag: str, number: int) -> str:
    """The full name of the ref that keeps an experiment's commit alive."""
    return f"{experiments_ref(tag)}/{number:05d}"


@contextmanager
def _told() -> Iterator[None]:
    """Of a method: what libgit2 cannot do is an error of the repository, in words."""
    try:
        yield
    except (KeyError, pygit2.GitError) as error:
        raise RepoError(
            f"git could not read or write an object or a ref: {error}; if the disk is sound, "
            "`git fsck` says what is missing"
        ) from None


class Repo:
    """The git repository of a lab. All of its methods may raise RepoError.

    Raises:
        UsageError: if the directory is not the top of a git repository with a commit.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        # Without it libgit2 leaves refs and objects to the page cache: lost with the power.
        pygit2.settings.enable_fsync_gitdir(True)
        try:
            self._git = pygit2.Repository(str(self.directory))
        except pygit2.GitError as error:
            if (self.directory / ".git").exists():
                raise UsageError(f"git cannot open {directory}: {error}") from None
            raise UsageError(
                f"{directory} is not a git repository; in it, run: "
                "git init && git add -A && git commit -m start"
            ) from None
        if self._git.is_bare or Path(self._git.workdir).resolve() != self.directory:
            raise UsageError(f"{directory} must be the top of its own git repository")
        if self._git.head_is_unborn:
            raise UsageError(
                f"{directory} has no commit yet; run: git add -A && git commit -m start"
            )

    @property
    def git_dir(self) -> Path:
        """The repository's git directory, the same from all of its linked worktrees."""
        own = Path(self._git.path)
        pointer = own / "commondir"
        return (own / pointer.read_text().strip()).resolve() if pointer.is_file() else own

    @_told()
    def head(self) -> str:
        """The commit that the person has checked out."""
        return str(self._git.head.peel(pygit2.Commit).id)

    def checked_out_branches(self) -> set[str]:
        """Full names of the branches checked out in the main and in every linked worktree."""
        heads = [self.git_dir / "HEAD", *self.git_dir.glob("worktrees/*/HEAD")]
        texts = [path.read_text().strip() for path in heads if path.is_file()]
        return {text.removeprefix("ref: ") for text in texts if text.startswith("ref: ")}

    @_told()
    def dirty(self) -> list[str]:
        """Tracked files whose content differs from HEAD, in the index or on disk."""
        untracked = pygit2.enums.FileStatus.WT_NEW | pygit2.enums.FileStatus.IGNORED
        status = self._git.status(untracked_files="no", ignored=False)
        return sorted(path for path, flags in status.items() if flags and not flags & untracked)

    def has_untracked(self, path: str) -> bool:
        """Whether there is such a file of the person's that git neither tracks nor ignores."""
        inside = not Path(path).is_absolute() and (self.directory / path).is_file()
        return inside and not self._git.path_is_ignored(path)

    def ignores(self, path: str) -> bool:
        """Whether git passes over a new file of this name, as the person set it up."""
        return self._git.path_is_ignored(path)

    @_told()
    def entries(self, commit: str) -> dict[str, Entry]:
        """Every file of a commit by path.

        Raises:
            RepoError: if the tree holds a submodule, which a trial could not be given.
        """
        found: dict[str, Entry] = {}
        self._walk(self._commit(commit).tree, "", found)
        return found

    def _walk(self, tree: pygit2.Tree, prefix: str, found: dict[str, Entry]) -> None:
        for item in tree:
            path = prefix + str(item.name)
            if isinstance(item, pygit2.Tree):
                self._walk(item, path + "/", found)
            elif item.filemode == pygit2.enums.FileMode.COMMIT:
                raise RepoError(f"{path} is a git submodule; a lab must hold its files itself")
            else:
                found[path] = Entry(str(item.id), int(item.filemode))

    @_told()
    def changed_entries(self, old: str, new: str) -> dict[str, Entry | None]:
        """The files of commit `new` that differ from commit `old`; None where a file is gone."""
        diff = self._commit(old).tree.diff_to_tree(self._commit(new).tree)
        changed: dict[str, Entry | None] = {}
        for delta in diff.deltas:
            if delta.status == pygit2.enums.DeltaStatus.DELETED:
                changed[delta.old_file.path] = None
            else:
                file = delta.new_file
                changed[file.path] = Entry(str(file.id), int(file.mode))
        return changed

    @_told()
    def entry(self, commit: str, path: str) -> Entry | None:
        """One file of a commit; None if it is not there."""
        try:
            item = self._commit(commit).tree[path]
        except KeyError:
            return None
        return Entry(str(item.id), int(item.filemode))

    @_told()
    def blob(self, blob: str) -> bytes:
        """The content of a blob."""
        return self._git[blob].peel(pygit2.Blob).data

    @_told()
    def file(self, commit: str, path: str) -> str | None:
        """The text of one file at a commit; None if it is not there.

        Raises:
            RepoError: if it is not UTF-8 text.
        """
        try:
            item = self._commit(commit).tree[path]
        except KeyError:
            return None
        if not isinstance(item, pygit2.Blob):
            return None
        return self._text(path, item.data)

    def _text(self, path: str, content: bytes) -> str:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            raise RepoError(f"{path} is not UTF-8 text, so it cannot be edited") from None

    @_told()
    def files(self, commit: str, paths: tuple[str, ...]) -> dict[str, str]:
        """The texts of those of `paths` that exist at a commit."""
        texts = {path: self.file(commit, path) for path in paths}
        return {path: text for path, text in texts.items() if text is not None}

    @_told()
    def commit(self, parent: str, files: Mapping[str, str], message: str, when: float) -> str:
        """Store a commit of `parent` with some files replaced; no ref is touched.

        The same arguments give the same commit, which is what lets recovery repeat this.
        """
        base = self._commit(parent)
        blobs = {
            tuple(path.split("/")): self._git.create_blob(text.encode("utf-8"))
            for path, text in files.items()
        }
        tree = self._tree_with(base.tree, blobs)
        who = pygit2.Signature("Novum", "novum@localhost", int(when), 0)
        return str(self._git.create_commit(None, who, who, message, tree, [base.id]))

    @_told()
    def reverted(self, tip: str, newest: str, before: str) -> dict[str, str] | None:
        """The files of `tip` that change if all from after `before` to `newest` is taken out.

        A three-way merge, as `git revert` does; None if later changes rest on what goes.

        Raises:
            RepoError: if a file is not UTF-8 text.
        """
        ours = self._commit(tip)
        merged = self._git.merge_trees(
            self._commit(newest).tree, ours.tree, self._commit(before).tree
        )
        if merged.conflicts is not None:
            return None
        files = {}
        for entry in merged:
            now = self.entry(tip, entry.path)
            if now is None or now.blob != str(entry.id):
                files[entry.path] = self._text(entry.path, self.blob(str(entry.id)))
        return files

    def _tree_with(
        self, tree: pygit2.Tree | None, blobs: Mapping[tuple[str, ...], pygit2.Oid]
    ) -> pygit2.Oid:
        builder = self._git.TreeBuilder(tree) if tree is not None else self._git.TreeBuilder()
        for name in {path[0] for path in blobs}:
            below = {path[1:]: blob for path, blob in blobs.items() if path[0] == name}
            old = tree[name] if tree is not None and name in tree else None
            if () in below:
                mode = old.filemode if isinstance(old, pygit2.Blob) else 0o100644
                builder.insert(name, below[()], mode)
            else:
                subtree = old if isinstance(old, pygit2.Tree) else None
                builder.insert(name, self._tree_with(subtree, below), 0o040000)
        return builder.write()

    def change(self, name: str) -> Change | None:
        """What the commit with this hash, or beginning of one, changed; None if there is none."""
        if not HASH.fullmatch(name):
            return None
        try:
            found = self._git[name].peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError):
            return None
        parent = found.parents[0] if found.parents else None
        if parent is None:
            diff = found.tree.diff_to_tree(swap=True)
        else:
            diff = parent.tree.diff_to_tree(found.tree)
        text = "".join(patch.data.decode("utf-8", "replace") for patch in diff if patch is not None)
        stats = diff.stats
        before = str(parent.id) if parent else None
        return Change(str(found.id), before, text, stats.insertions, stats.deletions)

    @_told()
    def target(self, ref: str) -> str | None:
        """The commit a ref points to, or None."""
        found = self._git.references.get(ref)
        return str(found.target) if found is not None else None

    def move(self, ref: str, new: str, expected: str | None) -> None:
        """Point `ref` at `new`, if it still points at `expected` (None: does not exist yet).

        Already pointing at `new` is success, so that the step can be repeated.

        Raises:
            RepoError: if somebody else moved it.
        """
        found = self._git.references.get(ref)
        now = str(found.target) if found is not None else None
        if now == new:
            return
        if now != expected:
            back = f"{ref} {expected}" if expected else f"-d {ref}"
            raise RepoError(
                f"{ref} was moved by somebody else: it is at {(now or 'nothing')[:10]}, "
                f"expected {(expected or 'nothing')[:10]}; "
                f"put it back with: git update-ref {back}"
            )
        self._clear_stale_lock(self.git_dir / f"{ref}.lock")
        try:
            if found is None:
                self._git.references.create(ref, new, force=False)
            else:
                found.set_target(new)  # libgit2 compares with the value that was read above
        except (pygit2.GitError, ValueError, OSError) as error:
            raise RepoError(f"{ref} could not be moved: {error}") from None

    def clear_stale_locks(self, tag: str) -> None:
        """Remove the locks that a killed machine left on a campaign's own refs."""
        below = self.git_dir / experiments_ref(tag)
        locks = [*below.rglob("*.lock"), self.git_dir / f"{branch_ref(tag)}.lock"]
        for lock in locks:
            self._clear_stale_lock(lock)

    def _clear_stale_lock(self, lock: Path) -> None:
        """Remove a lock on a ref of ours, if it is a dead one: a live one lasts moments."""
        for _ in range(LOCK_CHECKS):
            if not lock.exists():
                return
            time.sleep(LOCK_PAUSE)
        lock.unlink(missing_ok=True)

    @_told()
    def refs_below(self, prefix: str) -> dict[str, str]:
        """The commits of all refs whose names begin with `prefix` and a slash."""
        names = [name for name in self._git.references if name.startswith(f"{prefix}/")]
        return {name: str(self._git.references[name].target) for name in names}

    def drop(self, ref: str) -> None:
        """Remove a ref of ours; if it is gone, that is success.

        Raises:
            RepoError: if git cannot.
        """
        found = self._git.references.get(ref)
        if found is None:
            return
        self._clear_stale_lock(self.git_dir / f"{ref}.lock")
        try:
            found.delete()
        except (pygit2.GitError, OSError) as error:
            raise RepoError(f"{ref} could not be removed: {error}") from None

    @_told()
    def has_refs_below(self, prefix: str) -> bool:
        """Whether any ref's name begins with `prefix` and a slash."""
        return any(name.startswith(f"{prefix}/") for name in self._git.references)

    def tidy(self) -> None:
        """Pack refs and loose objects, so that a long campaign stays fast and small.

        Nothing is pruned, and no program of the repository's own runs. A failure is harmless, and
        is left for the next time.
        """
        for arguments in (
            ["pack-refs", "--all"],
            ["repack", "-d", "-q", "--no-write-bitmap-index"],
        ):
            with suppress(OSError):
                subprocess.run(
                    ["git", *_QUIET, *arguments],
                    cwd=self.directory,
                    capture_output=True,
                    check=False,
                )

    def _commit(self, commit: str) -> pygit2.Commit:
        try:
            return self._git[commit].peel(pygit2.Commit)
        except (KeyError, ValueError):
            raise RepoError(f"commit {commit[:10]} is missing from {self.directory}") from None
