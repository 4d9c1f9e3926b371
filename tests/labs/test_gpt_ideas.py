"""The gpt lab's train.py keeps the trial protocol, and every idea of its backlog can be tried."""

import ast
import gc
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
import tomllib
import types
from pathlib import Path

import pytest

LAB = Path(__file__).parents[2] / "src" / "novum" / "labs" / "gpt"
SOURCE = (LAB / "train.py").read_text(encoding="utf-8")
PREPARE = compile((LAB / "prepare.py").read_text(encoding="utf-8"), "prepare.py", "exec")
IDEAS = tomllib.loads((LAB / "ideas.toml").read_text(encoding="utf-8"))["idea"]
KINDS = {"architecture", "optimiser", "schedule", "initialisation", "regularisation", "data"}
ORDERS = range(6)


def applied(source, idea):
    """The source with the idea's edits, or None if one of them does not apply."""
    for edit in idea["edit"]:
        if source.count(edit["search"]) != 1:
            return None
        source = source.replace(edit["search"], edit["replace"])
    return source


def stacked(order):
    """All ideas in a random order, those that do not apply left out: the sources on the way."""
    ideas, sources = list(IDEAS), [SOURCE]
    random.Random(order).shuffle(ideas)
    for idea in ideas:
        source = applied(sources[-1], idea)
        if source is not None:
            sources.append(source)
    return sources


# ---------------------------------------------------------------------------------------------
# As text


def test_the_backlog_is_large_and_its_keys_and_titles_are_unique():
    assert len(IDEAS) >= 36
    assert len({idea["key"] for idea in IDEAS}) == len(IDEAS)
    assert len({idea["title"] for idea in IDEAS}) == len(IDEAS)


@pytest.mark.parametrize("idea", IDEAS, ids=lambda idea: idea["key"])
def test_an_idea_is_complete(idea):
    assert set(idea) == {"key", "title", "hypothesis", "kind", "expected", "source", "edit"}
    assert idea["key"] == idea["key"].lower().replace(" ", "-")
    assert 0 < len(idea["title"]) <= 60
    assert "\n" not in idea["title"]
    assert idea["kind"] in KINDS
    assert -1 < idea["expected"] < 1
    assert idea["hypothesis"]
    assert idea["source"]
    assert all(set(edit) == {"file", "search", "replace"} for edit in idea["edit"])
    assert all(edit["file"] == "train.py" for edit in idea["edit"])


@pytest.mark.parametrize("idea", IDEAS, ids=lambda idea: idea["key"])
def test_an_idea_applies_to_the_lab_as_it_ships_and_changes_it(idea):
    source = applied(SOURCE, idea)
    assert source is not None
    assert ast.dump(ast.parse(source)) != ast.dump(ast.parse(SOURCE))


@pytest.mark.parametrize("order", ORDERS)
def test_in_any_order_most_ideas_still_apply_after_the_others(order):
    sources = stacked(order)
    assert len(sources) - 1 >= 0.7 * len(IDEAS)
    for source in sources:
        ast.parse(source)


def test_every_kind_of_idea_is_there():
    assert {idea["kind"] for idea in IDEAS} == KINDS


# ---------------------------------------------------------------------------------------------
# As programs: two steps each in this process, on noise, with a clock that counts steps


def small_prepare(torch):
    """The lab's own prepare.py, with random bytes for text and a smaller shape to trace."""
    prepare = types.ModuleType("prepare")
    prepare.__file__ = str(LAB / "prepare.py")
    exec(PREPARE, prepare.__dict__)
    data = prepare.Data.__new__(prepare.Data)
    noise = torch.randint(1, 256, (50_000,), generator=torch.Generator().manual_seed(0))
    data.tokens, data.vocab_size, data.bytes_per_token = noise.to(torch.uint8), 256, 1.0
    prepare.load_data = lambda: data
    prepare.warm_up = lambda: None
    prepare.EVAL_BATCH = 2
    return prepare


@pytest.fixture
def trial(tmp_path, monkeypatch):
    """Runs a version of train.py, half as wide, for a few steps; gives the lines of progress."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for name in ("collect", "freeze", "disable"):
        monkeypatch.setattr(gc, name, lambda: None)
    monkeypatch.setitem(sys.modules, "prepare", small_prepare(torch))
    for name in ("NOVUM_DEPTH", "NOVUM_CLOCK"):
        monkeypatch.delenv(name, raising=False)

    def run(source, seed=0, steps=2):
        progress = tmp_path / "progress.jsonl"
        progress.unlink(missing_ok=True)
        monkeypatch.setenv("NOVUM_SEED", str(seed))
        monkeypatch.setenv("NOVUM_SECONDS", "1")
        monkeypatch.setenv("NOVUM_ARTIFACTS", str(tmp_path / "artifacts"))
        monkeypatch.setenv("NOVUM_PROGRESS", str(progress))
        train = types.ModuleType("train")
        narrow = source.replace("64 * DEPTH", "32 * DEPTH").replace("96 * DEPTH", "48 * DEPTH")
        exec(compile(narrow, "train.py", "exec"), train.__dict__)
        ticks = itertools.count()
        train.clock = lambda: next(ticks) / steps
        train.main()
        return [json.loads(line) for line in progress.read_text().splitlines()]

    threads = torch.get_num_threads()
    yield run
    torch.set_num_threads(threads)


def weights(tmp_path):
    return (tmp_path / "artifacts" / "weights.safetensors").read_bytes()


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
def test_a_trial_reports_its_start_its_curve_and_its_end(trial):
    first, *points, last = trial(SOURCE, steps=4)
    assert first == {"event": "start"}
    assert last == {"event": "end"}
    assert [point["step"] for point in points] == [1, 2, 3, 4]
    assert [point["seconds"] for point in points] == [0.25, 0.5, 0.75, 1.0]
    assert all(0 < point["bpb"] < 9 for point in points)
    assert points[-1]["tokens"] == 4 * points[0]["tokens"]


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
def test_the_same_seed_and_number_of_steps_give_the_same_model(trial, tmp_path):
    models = []
    for seed in (1, 1, 2):
        trial(SOURCE, seed)
        models.append(weights(tmp_path))
    assert models[0] == models[1]
    assert models[0] != models[2]


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("idea", IDEAS, ids=lambda idea: idea["key"])
def test_an_idea_trains_and_its_model_is_saved(idea, trial, tmp_path):
    assert trial(applied(SOURCE, idea))[-1] == {"event": "end"}
    assert weights(tmp_path)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("order", ORDERS)
def test_everything_stacked_trains_and_is_saved(order, trial, tmp_path):
    assert trial(stacked(order)[-1])[-1] == {"event": "end"}
    assert weights(tmp_path)


@pytest.mark.torch
def test_a_trial_that_is_told_to_stop_saves_its_model_and_ends_well(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "text").mkdir()
    noise = random.Random(0)
    for number in range(60):
        text = "".join(noise.choices("abcdefgh \n", k=5000))
        (tmp_path / "text" / f"{number}.txt").write_text(text)
    environment = {
        "PATH": os.environ["PATH"],
        "NOVUM_DATA": str(tmp_path / "train"),
        "NOVUM_HELDOUT": str(tmp_path / "heldout"),
        "NOVUM_SECONDS": "100",
        "NOVUM_ARTIFACTS": str(tmp_path / "artifacts"),
        "NOVUM_PROGRESS": str(tmp_path / "progress.jsonl"),
        "CUDA_VISIBLE_DEVICES": "",
    }
    corpus = [sys.executable, LAB / "prepare.py", "--corpus", tmp_path / "text"]
    subprocess.run(corpus, env=environment, check=True, stdout=subprocess.DEVNULL)
    with subprocess.Popen(
        [sys.executable, LAB / "train.py"], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (tmp_path / "progress.jsonl").exists():
            time.sleep(0.1)
        process.terminate()
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "num_steps:" in output
    assert "val_bpb" not in output
    assert weights(tmp_path)
