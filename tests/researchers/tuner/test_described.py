"""What the tuner would vary is shown before use: novum space, and novum check."""

import subprocess
import sys

import pytest

from novum.audit import check
from novum.lab import parse_lab
from novum.researchers.tuner import is_asked_for


def space(bed, status: int = 0) -> str:
    words = [sys.executable, "-m", "novum", "space", str(bed.path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


def found(bed) -> dict[str, tuple[str, str]]:
    return {one.subject: (str(one.level), one.text) for one in check(bed.path)}


def use(bed, researcher: str, more: str = "") -> None:
    text = (bed.path / "lab.toml").read_text()
    bed.toml(f'{text}\n[researcher]\nuse = "{researcher}"\n{more}')


def test_what_is_found_is_printed_ready_to_paste_and_what_is_left_out_with_why(bed):
    bed.commit(
        **{"train.py": "x = 0\nRATE = 0.2\nKIND = 'a'\nSEED = 1\n", "model.py": "width = 8\n"}
    )
    told = space(bed)
    assert "width = { low = 4, high = 16, log = true } # now 8, model.py:1" in " ".join(
        told.split()
    )
    assert "# left out: x = 0 (train.py:1): zero has no size; to vary it, give low and high" in told
    assert '# left out: KIND = "a" (train.py:3): a text; to vary it, give choices' in told
    assert "# left out: SEED = 1 (train.py:4): a seed is luck" in told
    table = "".join(line + "\n" for line in told.splitlines() if not line.startswith("#"))
    bed.toml((bed.path / "lab.toml").read_text() + table)
    assert space(bed).splitlines()[1:] == table.splitlines()


def test_a_space_that_does_not_fit_is_an_error(bed):
    bed.toml((bed.path / "lab.toml").read_text() + "[space]\nwidth = { low = 1, high = 2 }\n")
    assert "its present value, 8 (model.py:1), lies outside 1 to 2" in space(bed, status=2)


def test_a_check_says_what_the_tuner_would_vary(bed):
    assert "space" not in found(bed)
    use(bed, "tuner")
    level, text = found(bed)["space"]
    assert level == "good" and "vary 2 constants that it finds: width, depth" in text


def test_a_check_finds_a_space_that_does_not_fit_grave_where_it_is_used(bed):
    use(bed, "null", "[space]\nwidth = { low = 1, high = 2 }\n")
    assert found(bed)["space"][0] == "caution"
    text = (bed.path / "lab.toml").read_text()
    bed.toml(text.replace('use = "null"', 'use = "tuner"'))
    assert found(bed)["space"][0] == "problem"
    bed.toml(text.replace("low = 1, high = 2", "low = 1, high = 20"))
    assert found(bed)["space"] == (
        "good",
        "1 parameter of `[space]`, each found where it stands: width",
    )


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ('[researcher]\nuse = "tuner:grid"', True),
        ('[researcher]\nuse = "mix"\n[mix]\n"tuner:tpe" = 1', True),
        ('[researcher]\nuse = "mix:tuner=1,backlog=2"', True),
        ('[researcher]\nuse = "mix"\n[mix]\nbacklog = 1', False),
        ("[mix]\ntuner = 1", False),
    ],
)
def test_the_tuner_is_asked_for_by_name_or_in_a_mix(bed, text, asked):
    lab = parse_lab((bed.path / "lab.toml").read_text() + text)
    assert is_asked_for(lab) == asked
