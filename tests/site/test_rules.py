"""Brand rules: what breaks one is refused in a sentence, and nothing hides from its rule."""

from pathlib import Path

import pytest

import novum.labs
from novum.errors import UsageError
from novum.site.copies import LARGEST, read_copy
from novum.site.records import Copy
from novum.site.rules import grade, read_rules

SHIPPED = Path(novum.labs.__file__).parent / "copy"
RULES = read_rules(SHIPPED / "rules.toml")
FINE = {
    "headline": "Get paid on time",
    "subhead": "We ask for you.",
    "call_to_action": "Start now",
    "body": ("You did the work. We do the rest.",),
}


def refused(rules=RULES, **changes) -> str:
    return "\n".join(rules.refusals(Copy(**(FINE | changes))))


@pytest.fixture
def written(tmp_path):
    def write(text: str, name="rules.toml") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_the_copy_that_the_lab_begins_with_may_be_shown():
    assert RULES.refusals(read_copy(SHIPPED / "copy.toml")) == []
    assert refused() == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"headline": "Guaranteed money"}, "headline: says `guaranteed`, which rules.toml bans"),
        ({"subhead": "It is ＧＵＡＲＡＮＴＥＥＤ."}, "says `guaranteed`"),
        ({"subhead": "Really world-class."}, "subhead: says `world-class`"),
        ({"body": ("Don’t miss   it.",)}, "paragraph 1: says `don't miss`"),
        ({"headline": "x" * 91}, "headline: 91 characters, of at most 90"),
        ({"call_to_action": "y" * 33}, "call_to_action: 33 characters, of at most 32"),
        ({"body": ("A line.",) * 7}, "body: 7 paragraphs, of at most 6"),
        ({"body": ("z" * 401,)}, "paragraph 1: 401 characters, of at most 400"),
        ({"headline": "It is FREE NOW"}, "headline: shouts `FREE`; at most 3 capitals in a row"),
        ({"headline": "Paid! On time!"}, "2 exclamation marks, of at most 1"),
        ({"subhead": "Loved by 5,000 people."}, "subhead: `5,000` is a claim without proof"),
        ({"subhead": "Paid ½ as late."}, "is a claim without proof"),
        ({"subhead": "The award-winning one."}, "`award` is a claim without proof"),
        ({"subhead": "Used by 14,200 freelancers."}, "`14,200` is a claim without proof"),
        ({"call_to_action": "Try it free"}, "says `free`, so it must also say `after the trial €9"),
        ({"headline": "   "}, "headline is empty"),
        ({"body": ("A line.", "")}, "paragraph 2 is empty"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_a_sentence(changes, told):
    assert told in refused(**changes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<script>alert(1)</script>", "`<script>alert(1)</script>` is markup"),
        ("Hello <b>you</b>", "is markup"),
        ("Paid &lt;now", "is markup"),
        ("Paid \u202eemit no", "U+202E, right-to-left override"),
        ("gua\u00adranteed", "U+00AD, soft hyphen"),
        ("gua\u200branteed", "U+200B, zero width space"),
        ("gua\u034franteed", "U+034F, combining grapheme joiner"),
        ("gua\ufe0franteed", "U+FE0F, variation selector-16"),
        ("gua\u3164ranteed", "U+3164, hangul filler"),
        ("gu\u0561ranteed", "mixes armenian and latin letters"),
        ("\u13abuaranteed", "mixes cherokee and latin letters"),
        ("Two\nlines", "U+000A, a control character"),
        ("gu\u0430ranteed", "`gu\u0430ranteed` mixes cyrillic and latin letters"),
    ],
)
def test_nothing_hides_in_a_text(text, told):
    assert told in refused(headline=text)


@pytest.mark.parametrize(
    "changes",
    [
        {"subhead": "4,200 freelancers are paid 9 days sooner."},
        {"subhead": "Small businesses < large ones, and R&D too."},
        {"headline": "Prix café, naïve, Straße, Αθήνα"},
        {"headline": "Leading-edge is not said", "subhead": "Misleading words are not `leading`."}
        | {"headline": "Misleading is another word", "subhead": "So is cheapness’s cousin, thrift."}
        | {"subhead": "The freed bird."},
        {"call_to_action": "Try it free", "subhead": "After the trial €9 a month."},
        {"headline": "VAT included"},
        {"headline": "مرحبا"},
        {"headline": "Tシャツを買う"},
    ],
)
def test_what_no_rule_forbids_may_be_shown(changes):
    assert refused(**changes) == ""


def test_the_rules_of_a_lab_may_be_few(written):
    rules = read_rules(written(""))
    assert refused(rules, headline="GUARANTEED 100 !!!") == ""
    assert "is markup" in refused(rules, headline="<i>")


def test_a_disclaimer_without_words_is_always_needed(written):
    rules = read_rules(written('[[disclaimer]]\ntext = "Ads are ads."\n'))
    assert refused(rules) == "it must also say `Ads are ads.`"
    assert refused(rules, subhead="Remember: ads are ads.") == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[word]\n", "unknown key `word`"),
        ("[length]\nheadline = 0\n", "`length.headline` = 0"),
        ("[[claims.proven]]\ntext = 'x'\n", "`claims.proven.0.proof` is missing"),
        ("[reading]\ngrade = 'low'\n", "`reading.grade` = 'low'"),
        ("[words", "cannot be read"),
        ("[words]\nbanned = [' ']", "`words.banned.0` = ' '"),
        ("[words]\nbanned = ['*']", "`words.banned.0` = '*'"),
        ("words = " + "[" * 60_000, "nested too deeply"),
    ],
)
def test_an_unsound_rules_file_names_the_key(written, text, told):
    with pytest.raises(UsageError, match=r"rules\.toml") as caught:
        read_rules(written(text))
    assert told in str(caught.value)


def test_the_grade_is_that_of_flesch_and_kincaid():
    """The cat sat on the mat: 6 words, 1 sentence, 6 syllables; and one long sentence."""
    assert grade(["The cat sat on the mat."]) == pytest.approx(0.39 * 6 + 11.8 - 15.59)
    assert grade(["Table, made, eye, naïve."]) == pytest.approx(0.39 * 4 + 11.8 * 5 / 4 - 15.59)
    assert grade(["123"]) == 0.0
    hard = (
        "Comprehensive organisational transformation necessitates interdisciplinary collaboration."
    )
    assert "reads at grade" in refused(body=(hard * 2,))


def test_a_copy_is_read_whole(written):
    path = written('headline="a"\nsubhead="b"\ncall_to_action="c"\nbody=["d","e"]\n', "copy.toml")
    assert read_copy(path) == Copy("a", "b", "c", ("d", "e"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("headline = 3\n", "`headline` = 3"),
        ('headline = "a"\n', "`subhead` is missing"),
        ('head = "a"\n', "unknown key `head`"),
        ('headline = "a"\nsubhead = "b"\ncall_to_action = "c"\nbody = "d"\n', "`body` = 'd'"),
        ("headline", "cannot be read"),
        ("x" * (LARGEST + 1), f"of at most {LARGEST}"),
    ],
)
def test_an_unsound_copy_says_where(written, text, told):
    with pytest.raises(UsageError) as caught:
        read_copy(written(text, "copy.toml"))
    assert told in str(caught.value)


def test_a_copy_that_is_no_text_is_told(tmp_path):
    (tmp_path / "copy.toml").write_bytes(b'headline = "\xff"\n')
    with pytest.raises(UsageError, match="cannot be read"):
        read_copy(tmp_path / "copy.toml")
    with pytest.raises(UsageError, match="there is no"):
        read_copy(tmp_path / "other.toml")
