"""The labs that come with Novum, and `novum new`, which copies one out.

A lab's programs are data here: copied, never imported.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType

from novum import skill
from novum.errors import NovumError, UsageError
from novum.lab import parse_lab

# Files whose real names would mean something to git or to the package builder in our own tree.
RENAMED = {"gitignore": ".gitignore"}
IGNORED = {"__pycache__", "__init__.py"}


def templates() -> list[str]:
    """The names that `novum new` knows."""
    folder = resources.files("novum") / "labs"
    return sorted(item.name for item in folder.iterdir() if (item / "lab.toml").is_file())


def text_of(template: str, name: str) -> str:
    """The text of a file of a lab's; empty if there is no such file, or no such lab."""
    file = resources.files("novum") / "labs" / template / name
    return file.read_text(encoding="utf-8") if template in templates() and file.is_file() else ""


def create(
    template: str,
    directory: Path,
    *,
    dial: str | None = None,
    corpus: str | None = None,
    files: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Copy a lab into a new git repository, with one commit; `files` replace or join its own.

    Raises:
        UsageError: if the template, the directory, the dial or the corpus is not right.
    """
    if template not in templates():
        raise UsageError(f"no lab is called `{template}`; there are: {', '.join(templates())}")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"{directory} exists and is not empty; choose a new directory")
    source = resources.files("novum") / "labs" / template
    text = (source / "lab.toml").read_text(encoding="utf-8")
    if dial is not None:
        text = _with_dial(text, dial)
    if corpus is not None:
        text = _with_corpus(text, corpus)
    _copy(source, directory)
    for name, content in {"lab.toml": text, **files}.items():
        (directory / name).write_text(content, encoding="utf-8")
    skill.install(directory)
    _commit(directory, template)


def _with_dial(text: str, dial: str) -> str:
    name, _, value = dial.partition("=")
    known = ", ".join(parse_lab(text).dial) or "none"
    if name != known:
        raise UsageError(f"--dial {dial}: the dial of this lab is: {known}")
    if not re.fullmatch(r"\d+(\.\d+)?", value):
        raise UsageError(f"--dial {dial}: write it as NAME=NUMBER, such as {name}=4")
    return re.sub(rf"(?m)^({name} = )[^ #\n]+", rf"\g<1>{value}", text)


def _with_corpus(text: str, corpus: str) -> str:
    path = Path(corpus).expanduser()
    if not path.is_dir() and (path.exists() or "/" in corpus or corpus.startswith((".", "~"))):
        raise UsageError(f"--corpus {corpus}: there is no such directory")
    value = str(path.resolve()) if path.is_dir() else corpus
    quoted = json.dumps(value, ensure_ascii=False)
    changed, count = re.subn(
        r"(?m)^(prepare = \[[^\]]*)\]", lambda match: f'{match[1]}, "--corpus", {quoted}]', text
    )
    if count != 1:
        raise UsageError("--corpus: this lab prepares no data")
    return changed


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for item in source.iterdir():
        if item.name in IGNORED:
            continue
        name = RENAMED.get(item.name, item.name)
        if item.is_dir():
            _copy(item, target / name)
        else:
            with resources.as_file(item) as path:
                shutil.copyfile(path, target / name)


def _commit(directory: Path, template: str) -> None:
    identity = []
    known = subprocess.run(
        ["git", "config", "user.email"], cwd=directory, capture_output=True, check=False
    )
    if known.returncode != 0:
        identity = ["-c", "user.name=Novum", "-c", "user.email=novum@localhost"]
    message = f"A {template} lab, as novum new makes it"
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        [*identity, "commit", "-q", "--no-verify", "-m", message],
    ):
        done = subprocess.run(
            ["git", *arguments], cwd=directory, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise NovumError(f"git {arguments[0]} failed in {directory}: {done.stderr.strip()}")
