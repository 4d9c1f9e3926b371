"""The texts that are files: the shared instructions, and what is left out where nothing is said."""

import pytest

from novum.briefing.frame import frame
from novum.briefing.size import tokens
from novum.briefing.templates import filled
from novum.lab import parse_lab

LAB = """
[lab]
name = "bed"
[metric]
name = "v"
direction = "minimize"
[budget]
seconds = 3
[files]
editable = ["train.py"]
[trial]
run = ["true"]
"""


@pytest.mark.parametrize(("direction", "better"), [("minimize", "lower"), ("maximize", "higher")])
def test_the_frame_says_what_is_asked_and_which_way_is_better(direction, better):
    text = LAB.replace("minimize", direction).replace('"bed"', '"bed"\nquestion = "How\\n low?"')
    said = frame(parse_lab(text))
    assert said.endswith(
        f"The question of this lab: How low?\nThe score is `v`, and {better} is better."
    )
    for words in ("One idea.", "another seed", "clock", "evaluation", "hypothesis", "noise"):
        assert words in said
    assert "$" not in said


def test_without_a_question_none_is_claimed():
    assert "The question" not in frame(parse_lab(LAB))


def test_the_frame_is_short():
    assert tokens(frame(parse_lab(LAB))) < 1500


def test_a_line_of_a_template_without_a_value_is_left_out():
    said = filled("state", count="7", best="", start="", luck="$5 {x}", run="", curve="", guards="")
    assert said == "## Where it stands\n\n- 7\n- Luck: $5 {x}"
