"""Texts fit their bound: whole items are left out, and it is said how many."""

from hypothesis import given
from hypothesis import strategies as st

from novum.briefing.size import BETWEEN, Item, Purse, Section, clipped, share_out, tokens

texts = st.lists(st.text(max_size=200), max_size=30)


def section(items: list[str], share: float = 1.0, numbers=None, **more) -> Section:
    numbers = numbers or [None] * len(items)
    made = [Item(lambda text=t: text, n) for t, n in zip(items, numbers, strict=True)]
    return Section("## Some", made, share, 1, **more)


def test_the_estimate_is_on_the_large_side_of_what_tokenizers_make_of_code():
    # o200k_base and Claude's make 9 to 12 tokens of this line
    assert tokens("        k = self.to_key(x).view(shape).expand_as(q)") >= 12
    assert tokens("学习率") >= 3
    assert tokens("") == 0


@given(st.text(), st.text())
def test_a_whole_is_never_more_than_its_parts(one, other):
    assert tokens(one + other) <= tokens(one) + tokens(other)


@given(st.text(max_size=2000), st.integers(0, 200))
def test_what_is_clipped_fits(text, most):
    assert tokens(clipped(text, most)) <= most


def test_what_is_clipped_says_how_many_lines_are_missing():
    assert clipped("line\n" * 100, 40).endswith("more lines]")
    assert "[cut here: 1 more lines]" not in clipped("x" * 10, 40)


@given(texts, texts, st.integers(0, 400))
def test_sections_never_take_more_than_their_room(first, second, room):
    sections = [section(first, 0.5), section(second, 0.2, whole="\n".join)]
    assert tokens("".join(share_out(sections, room))) <= room


@given(texts)
def test_with_room_enough_nothing_is_left_out(items):
    (shown,) = share_out([section(items)], 100_000) or [""]
    assert "left out" not in shown
    assert all(text in shown for text in items)


def test_what_one_section_leaves_goes_to_another():
    short, long = section(["tiny"], 0.9), section(["word " * 20] * 20, 0.1)
    _, text = share_out([short, long], 400)
    assert text.count("word " * 20) > 5


def test_it_is_said_how_many_items_are_left_out():
    (text,) = share_out([section(["word " * 30] * 20)], 200)
    assert f"{20 - text.count('word ' * 30)} more are left out here." in text


def test_an_experiment_is_told_once():
    one = section(["all of 7"], 0.5, [7])
    other = section(["seven again", "8"], 0.5, [7, 8])
    text = "".join(share_out([one, other], 1000))
    assert "seven again" not in text and "left out" not in text


@given(st.text(max_size=500), st.integers(0, 100))
def test_a_purse_is_never_overdrawn(text, bound):
    purse = Purse(bound)
    shown = purse.take(text, 0.7) + BETWEEN
    shown += purse.wrapped(text, lambda inside: f"<{inside}>")
    assert purse.left >= 0 and tokens(shown) <= bound + tokens(BETWEEN)
