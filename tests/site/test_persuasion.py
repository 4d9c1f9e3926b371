"""The persuasion model: plain, bounded, fast to load, and made by the benchmark that it names."""

import subprocess
import sys
from importlib.resources import files

import pytest

from novum.site.persuasion import WEIGHTS, Persuasion, fitted
from novum.site.wording import content, shape

TEXT = files("novum.site").joinpath("persuasion.toml").read_text(encoding="utf-8")


def test_the_file_says_where_it_is_from_and_how_good_it_is():
    for word in ("CC BY 4.0", "benchmarks/persuasion.py --write", "p < 0.05", "ceiling", "numpy"):
        assert word in TEXT


def test_the_file_holds_every_feature_and_no_other():
    model = Persuasion.from_toml(TEXT)
    assert list(model.content) == list(content(""))
    assert list(model.shape) == list(shape(""))
    assert 0.1 < model.unexplained < 0.5


def test_features_are_what_their_names_say():
    said = content("Why YOU shouldn't pay 40% more: “it's a lie,” she told me (twice)...")
    for name in ("you", "she", "i", "why", "negation", "money", "number", "price", "colon"):
        assert said[name] == 1, name
    for name in ("quotes", "brackets", "ellipsis", "capitals", "bad", "say"):
        assert said[name] == 1, name
    for name in ("animals", "question", "exclamation", "he", "emphasis"):
        assert said[name] == 0, name
    assert shape("Why is it so?")["starts_question"] == 1
    assert shape("9 ways to sleep")["starts_number"] == 1
    assert content("Your client’s late")["you"] == content("your client's late")["you"] == 1


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "you " * 30_000, "?!" * 50_000, "\ud800", "日本語の見出し", "\u202eabc"]
)
def test_no_text_moves_anybody_without_bounds(text):
    assert all(0 <= value <= 1 for value in content(text).values())
    assert all(-2 <= value <= 2 for value in shape(text).values())
    assert abs(fitted().effect(dict.fromkeys(WEIGHTS, text))) < 12


def test_a_headline_counts_more_than_the_body():
    curious = "Why did she stop? Here's what happened next, and nobody saw it coming, ever."
    plain = "The company has published its report on the annual results for the last year."
    effects = {
        part: fitted().effect({part: curious}) - fitted().effect({part: plain}) for part in WEIGHTS
    }
    assert effects["headline"] > effects["subhead"] > effects["body"] > 0


def test_too_long_and_empty_are_worse():
    good = {"headline": "Invoices that remind your clients by themselves"}
    assert fitted().effect(good) > fitted().effect({"headline": ""})
    assert fitted().effect(good) > fitted().effect({"headline": good["headline"] * 50})
    body = {"body": "You write, we remind. " * 10}
    assert fitted().effect(good | body) > fitted().effect(good | {"body": body["body"] * 100})


def test_it_needs_nothing_but_python():
    code = (
        "import sys; from novum.site.persuasion import fitted;"
        "fitted().effect({'headline': 'Why?'});"
        "print(sorted({'numpy', 'scipy', 'starlette', 'h11'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
