"""The backlog: ideas of a file, in its order, each once."""

import pytest

from novum.briefing import Briefing
from novum.errors import UsageError
from novum.records import Edit
from novum.researchers import Desk
from novum.researchers.backlog import Backlog, read_backlog


def idea(key="a", body='[[idea.edit]]\nfile = "train.py"\nreplace = "x"\n', **more) -> str:
    lines = "".join(f"{name} = {value}\n" for name, value in more.items())
    return f'[[idea]]\nkey = "{key}"\ntitle = "The {key}"\n{lines}{body}'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ideas.toml"


def complaint(path, text) -> str:
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_backlog(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def briefing(bed, *tried) -> Briefing:
    return Briefing(bed.lab, bed.repo.head(), {}, set(tried), ())


def test_an_idea_is_read_whole(path):
    edits = '[[idea.edit]]\nfile = "train.py"\nsearch = "a"\nreplace = "b"\n'
    text = idea(
        body=edits, hypothesis='"""Since\n  it is."""', expected="-0.5", kind='"k"', source='"s"'
    )
    path.write_text(text)
    (found,) = read_backlog(path)
    assert found.edits == (Edit("train.py", "a", "b"),)
    assert (found.title, found.hypothesis, found.expected) == ("The a", "Since it is.", -0.5)
    assert (found.kind, found.source, found.key, found.researcher) == ("k", "s", "a", "backlog")


def test_without_a_text_to_search_the_edit_is_the_whole_file(path):
    path.write_text(idea())
    assert read_backlog(path)[0].edits == (Edit("train.py", None, "x"),)


def test_ideas_are_proposed_in_the_order_of_the_file_and_each_once(path, bed):
    path.write_text(idea("b") + idea("a") + idea("c"))
    backlog = Backlog(path)
    assert backlog.propose(briefing(bed), Desk()).key == "b"
    assert backlog.propose(briefing(bed, "b"), Desk()).key == "a"
    assert backlog.propose(briefing(bed, "a", "b"), Desk()).key == "c"
    assert backlog.propose(briefing(bed, "a", "b", "c"), Desk()) is None


def test_an_idea_that_is_added_during_a_campaign_is_proposed(bed):
    path = bed.path / "ideas.toml"
    edit = '[[idea.edit]]\nfile = "train.py"\nreplace = "x = {}\\n"\n'
    path.write_text(idea("a", edit.format(-1)))
    backlog = Backlog.for_lab(bed.lab, bed.path)
    bed.run(researcher=backlog)
    with path.open("a") as file:
        file.write(idea("b", edit.format(-2)))
    bed.run(researcher=backlog)
    assert [e.proposal.key for e in bed.experiments()] == ["", "a", "b"]
    assert bed.verdicts() == ["keep"] * 3


def test_an_empty_backlog_proposes_nothing(path, bed):
    path.write_text("")
    assert Backlog(path).propose(briefing(bed), Desk()) is None


def test_a_backlog_that_is_missing_is_said_at_once(path):
    with pytest.raises(UsageError, match="no backlog at"):
        Backlog(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[idea\n", "ideas.toml:1 cannot be read"),
        (idea() + idea("a"), "more than one idea has the key 'a'"),
        (idea("a") + idea("", '[[idea.edit]]\nfile = "t"\nreplace = ""\n'), "idea.1.key"),
        (idea(body=""), "ideas.toml:1: `idea.0.edit` is missing"),
        (idea(body="edit = []\n"), "idea.0.edit"),
        (idea(surprise="1"), "ideas.toml:4: unknown key `idea.0.surprise`; known here: key, title"),
        (idea(expected='"much"'), "idea.0.expected"),
        (idea(body='[[idea.edit]]\nfile = "t"\nsearch = ""\nreplace = ""\n'), "search"),
        (idea(body='[[idea.edit]]\nfile = "t"\nsearch = "s"\n'), "idea.0.edit.0.replace"),
        ("ideas = 1\n", "ideas"),
    ],
)
def test_what_is_wrong_is_named_with_its_idea(path, text, said):
    assert said in complaint(path, text)


def test_a_backlog_that_is_not_text_is_the_persons_mistake(path):
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"ideas\.toml"):
        read_backlog(path)


def test_a_directory_in_its_place_is_the_persons_mistake(path):
    path.mkdir()
    with pytest.raises(UsageError, match=r"ideas\.toml"):
        read_backlog(path)


def test_a_file_that_is_half_saved_while_a_campaign_runs_does_not_end_it(bed):
    path = bed.path / "ideas.toml"
    path.write_text(idea("a"))
    backlog = Backlog(path)
    path.write_text(idea("a") + "[[idea]\nkey")
    assert backlog.propose(briefing(bed), Desk()).key == "a"
