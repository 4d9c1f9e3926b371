"""The budgets of the house: small files, short functions, plain names, nothing at import.

The tables of sizes are printed by `pytest -s tests/test_architecture.py`.
"""

import ast
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import novum

SOURCE = Path(novum.__file__).parent
LONGEST_FILE, LONGEST_PROGRAM, MEDIAN_FILE = 450, 500, 150  # lines; programs are those of labs
LONGEST_FUNCTION, MOST_FUNCTIONS = 60, 30
DEEPEST, DEEP = 4, 3  # at most; and at most three in a hundred functions are deeper than `DEEP`
MOST_NAMES = 20
DRAWERS = {"util", "utils", "helper", "helpers", "manager", "base", "common", "misc", "core"}
HEAVY = (
    "httpx2",
    "torch",
    "matplotlib",
    "numpy",
    "rich",
    "pydantic",
    "pygit2",
    "psutil",
    "sqlite3",
)
BLOCKS = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Function:
    """A function, and what is measured of it."""

    where: str
    lines: int
    depth: int


def program(path: Path) -> bool:
    """Whether this is a lab's program: data to us, with prose of its own."""
    return path.parent.parent.name == "labs"


FILES = {
    path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(SOURCE.rglob("*.py"))
}
OURS = {name: text for name, text in FILES.items() if not program(SOURCE / name)}
SIZES = {name: len(text.splitlines()) for name, text in FILES.items()}


def depth_of(node: ast.AST) -> int:
    """How deeply blocks lie in each other; `elif` is a sibling, a function inside starts anew."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            continue
        below = depth_of(child)
        is_elif = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
        deepest = max(deepest, below + (isinstance(child, BLOCKS) and not is_elif))
    return deepest


def functions() -> Iterator[Function]:
    """All functions of our own modules, docstrings included, decorators not."""
    for name, text in OURS.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, FUNCTIONS):
                lines = node.end_lineno - node.lineno + 1
                yield Function(f"{name}:{node.lineno} {node.name}", lines, depth_of(node))


def test_no_file_is_too_long():
    print("\nlines  file")
    for name, lines in sorted(SIZES.items(), key=lambda item: -item[1]):
        print(f"{lines:5}  {name}")
    median = statistics.median(SIZES[name] for name in OURS)
    print(f"{sum(SIZES[name] for name in OURS):5}  in all, without labs; median {median:g}")
    limits = {n: LONGEST_FILE if n in OURS else LONGEST_PROGRAM for n in FILES}
    assert not {name: lines for name, lines in SIZES.items() if lines > limits[name]}
    assert median <= MEDIAN_FILE


def test_functions_are_short():
    measured = sorted(functions(), key=lambda function: -function.lines)
    lines = [function.lines for function in measured]
    print("\nlines  function")
    for function in measured[:12]:
        print(f"{function.lines:5}  {function.where}")
    long = sum(number > MOST_FUNCTIONS for number in lines)
    print(f"{statistics.median(lines):5g}  median of {len(lines)}; {long} over {MOST_FUNCTIONS}")
    assert not [f"{f.where}: {f.lines} lines" for f in measured if f.lines > LONGEST_FUNCTION]
    assert long <= len(lines) / 10


def test_blocks_are_not_nested_deeply():
    measured = list(functions())
    deep = [function for function in measured if function.depth > DEEP]
    print("\ndepth  function")
    for function in sorted(deep, key=lambda function: -function.depth):
        print(f"{function.depth:5}  {function.where}")
    print(f"{len(deep):5}  of {len(measured)} functions are nested deeper than {DEEP}")
    assert not [function for function in measured if function.depth > DEEPEST]
    assert len(deep) <= 0.03 * len(measured)


def test_no_module_is_a_drawer():
    names = {part for name in FILES for part in Path(name).with_suffix("").parts}
    assert not {name for name in names if name.strip("_") in DRAWERS}


def imports_in_functions(text: str) -> Iterator[str]:
    """Imports of our own modules that hide in functions."""
    tree = ast.parse(text)
    for function in (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)):
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                yield from (a.name for a in node.names if a.name.partition(".")[0] == "novum")
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                if node.level or module.partition(".")[0] == "novum":
                    yield module


def test_only_the_commands_import_our_own_modules_inside_functions():
    hidden = {name: list(imports_in_functions(text)) for name, text in OURS.items()}
    assert not {
        name: found for name, found in hidden.items() if found and not name.startswith("cli/")
    }
    assert list(imports_in_functions("def f():\n    from novum import lab\n")) == ["novum"]


def run_python(code: str, *, cwd: Path) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_asking_for_help_imports_nothing_heavy(tmp_path):
    code = """
import contextlib, io, json, sys
from novum.cli import cli
with contextlib.redirect_stdout(io.StringIO()) as told:
    cli.main(["--help"], prog_name="novum", standalone_mode=False)
assert "Commands:" in told.getvalue()
print(json.dumps(sorted(sys.modules)))
"""
    modules = set(json.loads(run_python(code, cwd=tmp_path)))
    assert not modules & set(HEAVY)
    assert "novum.ledger" not in modules


def test_importing_novum_does_nothing(tmp_path):
    code = """
import sys, threading
events = []
writing = ("w", "a", "x", "+")
def heard(event, arguments):
    if event == "open" and any(mark in str(arguments[1] or "") for mark in writing):
        events.append((event, str(arguments[0])))
    elif event in {"os.mkdir", "os.rename", "os.remove", "subprocess.Popen", "os.fork",
                   "os.system", "socket.connect", "sqlite3.connect", "os.putenv"}:
        events.append((event, str(arguments[:1])))
sys.dont_write_bytecode = True
sys.addaudithook(heard)
import novum
assert not events, events
assert threading.active_count() == 1, threading.enumerate()
"""
    assert run_python(code, cwd=tmp_path) == ""
    assert not list(tmp_path.iterdir())


def test_the_public_names_are_few_sorted_and_there():
    names = novum.__all__
    assert all(first < second for first, second in pairwise(names)), "sorted, each once"
    assert len(names) <= MOST_NAMES
    assert not [name for name in names if not hasattr(novum, name)]
