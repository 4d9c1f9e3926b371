"""A unified diff, as agents and people write it, turned into edits: git itself applies it.

It is applied in a temporary directory that holds nothing but the editable files, by a git that
knows of no repository and of no configuration. So what git would do elsewhere cannot happen.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from novum.errors import PatchError
from novum.patch import edits_between, named
from novum.records import Edit

LARGEST = 1_000_000  # characters of a diff
SECONDS = 60.0  # that git may take
CORRUPT = "corrupt patch"  # what git says of hunks whose line counts are wrong
# Git names these kinds of change only here; each but the first would be more than a text.
SUMMARY = re.compile(r"^ (create|delete|mode change|rename|copy)\b(.*)$", re.MULTILINE)
PLAIN_FILE = re.compile(r" mode 100(?:644|755) ")


def edits_of_diff(
    files: Mapping[str, str], text: str, editable: Collection[str]
) -> tuple[Edit, ...]:
    """The edits that a unified diff makes to `files`, the texts of the editable files by path.

    Line counts in the hunks may be wrong, as models write them; the lines themselves may not.

    Raises:
        PatchError: if it does not apply, says what only a tree can take (binary files, renames,
            modes, links), changes other files, or changes nothing.
    """
    patch = _bare(text)
    strip = _strip(patch)
    _require_plain(patch, strip, editable)
    with tempfile.TemporaryDirectory(prefix="novum-diff-") as name:
        directory = Path(name)
        for path, content in files.items():
            if path in editable:
                target = directory / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.encode("utf-8"))
        done = _git(directory, patch, strip)
        if done.returncode != 0 and CORRUPT in done.stderr:
            done = _git(directory, patch, strip, "--recount")
        if done.returncode != 0:
            raise PatchError(f"the diff does not apply: {_complaint(done.stderr)}")
        after = _texts(directory, editable)
    edits = edits_between(files, after)
    if not edits:
        raise PatchError("the diff leaves every file as it was")
    return edits


def _bare(text: str) -> str:
    """The diff itself, without the fence that a model puts around it."""
    if len(text) > LARGEST:
        raise PatchError(f"the diff has {len(text)} characters; at most {LARGEST} are taken")
    lines = text.strip("\n").split("\n")
    if lines[0].startswith("```") and lines[-1].strip() == "```" and len(lines) > 1:
        lines = lines[1:-1]
    try:
        "\n".join(lines).encode("utf-8")
    except UnicodeEncodeError:
        raise PatchError("the diff cannot be written as UTF-8") from None
    return "\n".join(lines) + "\n"


def _strip(patch: str) -> int:
    """How many leading parts of the paths are git's own: `a/` and `b/`, or none."""
    named = re.findall(r"^--- (\S+).*\n\+\+\+ (\S+)", patch, re.MULTILINE)
    paths = [path for pair in named for path in pair if path != "/dev/null"]
    return 1 if all(path.startswith(("a/", "b/", '"a/', '"b/')) for path in paths) else 0


def _require_plain(patch: str, strip: int, editable: Collection[str]) -> None:
    """See that a diff changes texts of editable files, and nothing else.

    Raises:
        PatchError: if it does more, or is none.
    """
    with tempfile.TemporaryDirectory(prefix="novum-diff-") as name:
        done = _git(Path(name), patch, strip, "--numstat", "--summary", "-z", "--recount")
    if done.returncode != 0:
        raise PatchError(f"this is no unified diff that git can read: {_complaint(done.stderr)}")
    *counts, summary = done.stdout.split("\0")
    for record in counts:
        added, _, path = record.split("\t")
        if added == "-":
            raise PatchError(f"{named(path)} is changed as a binary file; only text can be edited")
        if path not in editable:
            allowed = ", ".join(sorted(editable))
            raise PatchError(f"{named(path) or 'a file'} may not be edited; editable: {allowed}")
    for found in SUMMARY.finditer(summary):
        what, which = found.groups()
        if what != "create" or not PLAIN_FILE.match(which):
            raise PatchError(f"a diff may change lines of files; this one says:{found[0]}")


def _git(
    directory: Path, patch: str, strip: int, *options: str
) -> subprocess.CompletedProcess[str]:
    """Git apply in a directory, beside which it finds no repository and no configuration."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(directory.resolve().parent),
    }
    words = ["git", "apply", f"-p{strip}", "--whitespace=nowarn", *options, "-"]
    try:
        done = subprocess.run(
            words,
            cwd=directory,
            env=environment,
            input=patch.encode("utf-8"),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PatchError(f"the diff is too much: git worked on it for {SECONDS:g} s") from None
    said = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    return subprocess.CompletedProcess(words, done.returncode, *said)


def _complaint(said: str) -> str:
    """What git says is wrong, in one line; the first of it says most."""
    lines = [line.removeprefix("error: ").strip() for line in said.splitlines()]
    wrong = [line for line in lines if line and not line.startswith(("hint:", "warning:"))]
    return "; ".join(wrong[:2]) or "git does not say why"


def _texts(directory: Path, editable: Collection[str]) -> dict[str, str]:
    """The editable files that are there after all."""
    texts = {}
    for path in editable:
        target = directory / path
        if target.is_symlink() or not target.is_file():
            continue
        try:
            texts[path] = target.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            raise PatchError(f"{path} would be no UTF-8 text any more") from None
    return texts
