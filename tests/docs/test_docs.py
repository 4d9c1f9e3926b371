"""The documentation tells the truth: commands, keys, tables, links and examples.

python tests/docs/test_docs.py --write      # renew the help texts in docs/cli.md
"""

import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import click
import pytest
from click.testing import CliRunner
from pydantic import BaseModel

import novum
from novum import errors
from novum.cli import cli
from novum.lab import Lab, parse_lab
from novum.ledger import Ledger
from novum.records import Outcome, TrialState
from novum.researchers.backlog import read_backlog
from novum.site.visitors.__main__ import parser as crowd_parser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "novum"
PAGES = sorted(DOCS.glob("*.md"))
HELP = re.compile(r"(?<=<!-- help -->\n).*(?=<!-- /help -->)", re.DOTALL)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LABS = re.compile(r"^<!-- lab -->\n```toml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILES = re.compile(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TREE = re.compile(r"<!-- tree -->\n(.*?)<!-- /tree -->", re.DOTALL)
NOVUM = str(Path(sys.executable).with_name("novum"))


def page(name: str) -> str:
    """The text of a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What is below a heading, up to the next one of its rank or above."""
    rank = len(heading) - len(heading.lstrip("#"))
    _, found, rest = f"\n{text}".partition(f"\n{heading}\n")
    assert found, f"there is no heading {heading!r}"
    return re.split(rf"^#{{1,{rank}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> dict[str, list[str]]:
    """The rows of the Markdown tables in a text, by their first cell without its backquotes."""
    found = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            found[cells[0].strip("` ")] = cells[1:]
    return found


def commands() -> dict[str, click.Command]:
    """Every command by the words that call it, those of groups too: `assay export`."""
    found = dict(cli.commands)
    for name, group in cli.commands.items():
        if isinstance(group, click.Group):
            found |= {f"{name} {word}": command for word, command in group.commands.items()}
    return found


def help_texts() -> str:
    """What `--help` prints, for the whole and for each command, as Markdown."""
    blocks = []
    for command in ("", *sorted(commands())):
        words = [*command.split(), "--help"]
        done = CliRunner().invoke(cli, words, prog_name="novum", terminal_width=96)
        assert done.exit_code == 0, done.output
        text = "\n".join(line.rstrip() for line in done.output.strip().splitlines())
        blocks.append(f"\n## novum {command}".rstrip() + f"\n\n```text\n{text}\n```\n")
    return "".join(blocks) + "\n"


def test_the_help_texts_are_current():
    found = HELP.search(page("cli.md"))
    assert found is not None
    assert found[0] == help_texts(), "run: python tests/docs/test_docs.py --write"


def test_every_command_has_a_page_that_speaks_of_it():
    told = "\n".join(path.read_text() for path in PAGES if path.name != "cli.md")
    missing = [name for name in commands() if f"novum {name}" not in told]
    assert not missing


def commands_in_examples() -> Iterator[tuple[str, list[str]]]:
    for path in PAGES:
        for language, text in FENCE.findall(path.read_text()):
            if language != "sh":
                continue
            for line in text.splitlines():
                if (found := re.match(r"(?:\S+=\S+ |\.venv/bin/)*novum ([a-z-].*)", line)) is None:
                    continue
                closed = found[1].count('"') % 2 == 0  # a message may go on over lines
                yield path.name, shlex.split(found[1] + ("" if closed else '"'), comments=True)


def test_examples_use_commands_and_options_that_exist():
    examples = list(commands_in_examples())
    assert len(examples) > 20
    for where, (name, *words) in examples:
        known = {option for parameter in cli.params for option in parameter.opts}
        if not name.startswith("-"):
            called = name
            if isinstance(cli.commands.get(name), click.Group):
                called = f"{name} {words[0]}"
            assert called in commands(), f"{where}: novum {called}"
            known = {o for p in commands()[called].params for o in [*p.opts, *p.secondary_opts]}
        unknown = {word for word in [name, *words] if word.startswith("-")} - known
        assert not unknown, f"{where}: novum {name} has no {unknown}"


def test_options_named_in_the_text_exist():
    parameters = [p for command in commands().values() for p in command.params]
    known = {option for parameter in [*parameters, *cli.params] for option in parameter.opts}
    known |= {
        "--help",
        "--detach",
        "--shards",
        "--write",
        "--variant",
        "--part",
    }  # git's, and of programs
    known |= set(re.findall(r"--[a-z-]+", crowd_parser().format_help()))
    for path in PAGES:
        named = set(re.findall(r"`(--[a-z-]+)", path.read_text()))
        assert named <= known, path.name


def test_every_option_of_the_crowd_is_documented():
    for option in re.findall(r"^ +(--[a-z-]+)", crowd_parser().format_help(), re.MULTILINE):
        assert f"`{option}`" in page("simulated-visitors.md")


def statuses(error: type[errors.NovumError]) -> set[int]:
    below = [statuses(child) for child in error.__subclasses__()]
    return {error.exit_status}.union(*below)


def test_every_exit_status_is_documented():
    table = section(page("cli.md"), "# Commands")
    told = {int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert told == {0, click.UsageError.exit_code} | statuses(errors.NovumError)


def tables_of_lab() -> Iterator[tuple[str, type[BaseModel]]]:
    """The tables of lab.toml with keys of their own, and the model of each."""
    for name, field in Lab.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if models:
            yield name, models[0]


def shown(default: Any) -> str:
    """A default as TOML writes it."""
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, str):
        return f'"{default}"'
    return "[]" if default == () else str(default)


@pytest.mark.parametrize(("table", "model"), list(tables_of_lab()), ids=str)
def test_every_key_of_lab_toml_is_documented_with_its_default(table, model):
    told = rows(section(page("lab-toml.md"), f"## `[{table}]`"))
    assert set(told) == set(model.model_fields)
    for name, field in model.model_fields.items():
        wanted = "required" if field.is_required() else shown(field.default)
        assert told[name][1].strip("`") == wanted, f"{table}.{name}"


def test_every_table_of_lab_toml_has_a_section():
    told = set(re.findall(r"^## `\[(\w+)\]`$", page("lab-toml.md"), re.MULTILINE))
    assert told == set(Lab.model_fields)


@pytest.mark.parametrize(("table", "model"), list(tables_of_lab()), ids=str)
def test_every_choice_of_a_key_is_documented(table, model):
    text = section(page("lab-toml.md"), f"## `[{table}]`")
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) not in {None, types.UnionType}:
            for choice in get_args(field.annotation):
                if isinstance(choice, str):
                    assert f'`"{choice}"`' in text, f"{table}.{name}: {choice}"


def test_every_table_and_column_of_the_ledger_is_documented(tmp_path):
    Ledger(tmp_path).close()
    with sqlite3.connect(tmp_path / ".novum" / "ledger.db") as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        columns = {
            name: {row[1] for row in db.execute(f"PRAGMA table_info({name})")} for name in names
        }
    db.close()
    ledger = section(page("how-it-works.md"), "## The ledger")
    assert set(re.findall(r"^### (\w+)$", ledger, re.MULTILINE)) == set(names)
    for name in names:
        assert set(rows(section(ledger, f"### {name}"))) == columns[name], name


def test_every_variable_that_the_machine_sets_is_documented():
    sources = [SOURCE / "runners" / "commands.py", SOURCE / "dataset.py"]
    found = {
        name
        for path in sources
        for name in re.findall(r'"(NOVUM_[A-Z]+)"', path.read_text(encoding="utf-8"))
    }
    told = rows(section(page("your-own-lab.md"), "## The trial protocol"))
    assert found and found == {name for name in told if "<" not in name}


def test_every_ending_of_a_trial_is_documented():
    endings = section(page("your-own-lab.md"), "## How a trial ends")
    for state in set(TrialState) - {TrialState.RUNNING}:
        assert f"| `{state}` |" in endings
    for outcome in set(Outcome) - {Outcome.KEEP, Outcome.DISCARD}:  # those are the judge's
        assert f"| `{outcome}` |" in endings


def test_every_group_of_entry_points_is_documented():
    assert set(entry_point_groups()) <= set(rows(page("extending.md")))


def test_every_public_name_is_documented():
    names = section(page("extending.md"), "## The public names")
    assert set(re.findall(r"`(\w+)`", names)) == set(novum.__all__)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md"], ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", path.read_text())):
        if re.match(r"https?://|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        goal = path.parent / file if file else path
        assert goal.exists(), f"{path.name}: {target}"
        if anchor and goal.suffix == ".md":
            assert anchor in anchors(goal.read_text()), f"{path.name}: {target}"


def test_every_test_that_a_promise_names_is_there():
    named = set(re.findall(r"`(test_\w+)`", (DOCS / "security.md").read_text()))
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 20
    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []


def test_every_page_is_in_the_index():
    listed = set(re.findall(r"\]\((\S+?\.md)\)", page("index.md")))
    examples = {f"{path.parent.name}/README.md" for path in DOCS.glob("example-*/README.md")}
    assert listed == {path.name for path in PAGES} - {"index.md"} | examples


def test_examples_of_labs_are_sound():
    examples = [(path.name, text) for path in PAGES for text in LABS.findall(path.read_text())]
    assert len(examples) >= 2
    for where, text in examples:
        parse_lab(text, where)


def test_every_example_in_toml_can_be_read():
    for path in PAGES:
        for language, text in FENCE.findall(path.read_text()):
            if language == "toml":
                tomllib.loads(text)


def test_the_example_of_an_idea_is_one(tmp_path):
    text = next(t for t in FENCE.findall(page("gpt-lab.md")) if "[[idea]]" in t[1])[1]
    (tmp_path / "ideas.toml").write_text(text)
    (idea,) = read_backlog(tmp_path / "ideas.toml")
    train = (SOURCE / "labs" / "gpt" / "train.py").read_text()
    assert all(train.count(edit.search or "") == 1 for edit in idea.edits)


def example_files(folder: str, page_name: str) -> dict[str, str]:
    found = dict(FILES.findall(page(page_name)))
    return {name.partition("/")[2]: text for name, text in found.items() if name.startswith(folder)}


@pytest.fixture
def make_lab(tmp_path):
    """Makes a lab of the files that a page shows."""

    def make(folder: str) -> Path:
        lab = tmp_path / folder
        lab.mkdir()
        for name, text in example_files(f"{folder}/", "your-own-lab.md").items():
            (lab / name).write_text(text)
        me = ["-c", "user.name=me", "-c", "user.email=me@localhost"]
        for words in (["init", "-q"], ["add", "-A"], [*me, "commit", "-q", "-m", "start"]):
            subprocess.run(["git", *words], cwd=lab, check=True)
        return lab

    return make


def command(*words: str | Path, **more: Any) -> str:
    done = subprocess.run(
        [NOVUM, *map(str, words)], capture_output=True, text=True, timeout=120, **more
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_self_reported_example_works(make_lab):
    lab = make_lab("knob")
    command("check", lab)
    command("run", lab, "--tag", "t")
    verdicts = [line.split()[:2] for line in command("log", lab).splitlines()[1:]]
    assert verdicts == [["0", "keep"], ["1", "keep"], ["2", "discard"]]


def test_the_example_with_an_evaluator_works_and_so_does_the_researcher(make_lab, tmp_path):
    lab = make_lab("curve")
    assert "evaluator: a process of its own" in command("check", lab)
    command("run", lab, "--tag", "t", "--experiments", "1")
    assert "keep" in command("show", lab, "1")
    (tmp_path / "rates.py").write_text(example_files("rates/", "extending.md")["rates.py"])
    path = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    words = ("--researcher", "rates:Rates", "--tag", "r", "--experiments", "1")
    assert "Set the rate to 0.2" in command("run", lab, *words, env=path)


def test_the_example_of_an_exhibit_works(make_lab, tmp_path):
    lab = make_lab("knob")
    (tmp_path / "knobs.py").write_text(example_files("knobs/", "extending.md")["knobs.py"])
    told = next(text for _, text in FENCE.findall(page("extending.md")) if "[report]" in text)
    with (lab / "lab.toml").open("a") as file:
        file.write(told)
    me = ["-c", "user.name=me", "-c", "user.email=me@localhost"]
    subprocess.run(["git", *me, "commit", "-q", "-a", "-m", "shown"], cwd=lab, check=True)
    path = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{SOURCE.parent}"}
    assert "knobs.txt" in command("run", lab, "--tag", "t", env=path)
    report = (lab / "report" / "t" / "report.md").read_text()
    assert "| 1 | 4 |\n| 2 | 7 |" in section(report, "## Knobs")


def entry_point_groups() -> list[str]:
    """The roles that other packages can add to, as our own package registers them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return sorted(project["entry-points"])


def tree_of_readme() -> list[str]:
    """The entries that the README's tree names, as paths below src/novum."""
    found = TREE.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found is not None, "README.md has no tree between <!-- tree --> and <!-- /tree -->"
    lines = [line for line in found[1].splitlines() if line.strip() and "```" not in line]
    entries: list[str] = []
    above: list[tuple[int, str]] = []
    for line in lines:
        bare = line.lstrip(" │├└─")
        name, indent = bare.split()[0].rstrip("/"), len(line) - len(bare)
        if name in {"src/novum", "novum"}:
            continue
        above = [(depth, path) for depth, path in above if depth < indent]
        path = f"{above[-1][1]}/{name}" if above else name
        above.append((indent, path))
        entries.append(path)
    return entries


def test_the_tree_in_the_readme_is_the_real_one():
    told = tree_of_readme()
    assert len(told) == len(set(told))
    assert not [path for path in told if not (SOURCE / path).exists()]
    real = {path.name for path in SOURCE.iterdir()} - {"__pycache__", "py.typed"}
    assert {path for path in told if "/" not in path} - {"py.typed"} == real


def write() -> None:
    """Renew what is generated."""
    path = DOCS / "cli.md"
    path.write_text(HELP.sub(lambda _: help_texts(), page("cli.md")), encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    write()
