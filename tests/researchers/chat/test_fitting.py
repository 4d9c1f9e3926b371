"""A change is fitted to the file's own words, at exactly one place, or not at all."""

from hypothesis import given, settings
from hypothesis import strategies as st

from novum.patch import apply_edits
from novum.researchers.chat.answer import Block
from novum.researchers.chat.fitting import fit

FILE = """\
import math

LR = 0.10


class Net:
    def forward(self, x):
        if x:
            y = x + 1
            return y
        return None

    def backward(self, x):
        return None
"""
FILES = {"train.py": FILE}


def fitted(search, replace, files=FILES, path="train.py"):
    return fit((Block(path, ((search, replace),)),), files, {"train.py", "new.py"})


def after(search, replace, text=FILE):
    files = {"train.py": text}
    result = fitted(search, replace, files)
    assert result.fault == "", result.fault
    assert all(e.search is None or text.count(e.search) == 1 for e in result.edits)
    return apply_edits(files, result.edits, files)["train.py"]


def test_lines_that_are_there_once():
    assert after("LR = 0.10\n", "LR = 0.20\n") == FILE.replace("0.10", "0.20")


def test_spaces_at_the_ends_of_lines_do_not_matter():
    text = FILE.replace("LR = 0.10\n", "LR = 0.10   \n")
    assert after("LR = 0.10\n\n", "LR = 0.20\n\n", text) == FILE.replace("0.10", "0.20")
    assert after("LR = 0.10  \n\n", "LR = 0.20\n\n") == FILE.replace("0.10", "0.20")


def test_the_files_own_line_ends_are_kept():
    text = FILE.replace("\n", "\r\n")
    assert after("LR = 0.10\n", "LR = 0.20\nMORE = 1\n", text) == text.replace(
        "LR = 0.10", "LR = 0.20\r\nMORE = 1"
    )
    whole = fitted(None, "a = 1\nb = 2\n", {"train.py": text})
    assert whole.edits[0].replace.endswith("a = 1\r\nb = 2\r\n")


def test_a_last_line_without_an_end_stays_so():
    assert after("b = 2\n", "b = 3\n", "a = 1\nb = 2") == "a = 1\nb = 3"


def test_the_same_indentation_throughout_is_made_up_for():
    wanted = FILE.replace("y = x + 1", "y = x + 2")
    assert after("if x:\n    y = x + 1\n", "if x:\n    y = x + 2\n") == wanted
    deep = "                if x:\n                    y = x + 1\n"
    assert after(deep, deep.replace("+ 1", "+ 2")) == wanted


def test_an_indentation_that_is_not_the_same_throughout_is_a_misfit():
    result = fitted("if x:\ny = x + 1\n", "if x:\ny = x + 2\n")
    assert "not in train.py" in result.fault


def test_a_piece_of_a_line():
    assert after("0.10\n", "0.20\n") == FILE.replace("0.10", "0.20")


def test_a_piece_of_a_number_or_a_name_is_no_piece_of_a_line():
    for search in ("LR = 0.1\n", "orward(self, x)\n"):
        assert fitted(search, "LR = 0.2\n").fault


def test_what_is_there_twice_is_nowhere_and_the_lines_are_told():
    result = fitted("        return None\n", "        return 1\n")
    assert "occurs 2 times in train.py (at lines 11, 14)" in result.fault
    assert result.edits[0].search == "        return None\n", "as the model wrote it"


def test_an_indentation_that_fits_twice_is_nowhere():
    assert "occurs 2 times" in fitted("return None\n", "return 1\n").fault


def test_what_is_not_there_is_told_with_what_is():
    result = fitted("LR = 0.30\n", "LR = 0.20\n")
    assert "the SEARCH is not in train.py" in result.fault and "LR = 0.10" in result.fault
    assert "Nothing there is like it" in fitted("zzzzzzzzzzz\n", "q\n").fault


def test_several_blocks_are_applied_in_their_order():
    blocks = (
        Block("train.py", (("LR = 0.10\n", "LR = 0.20\nWARM = 1\n"),)),
        Block("train.py", (("WARM = 1\n", "WARM = 2\n"),)),
    )
    result = fit(blocks, FILES, {"train.py"})
    assert apply_edits(FILES, result.edits, FILES)["train.py"] == FILE.replace(
        "0.10", "0.20\nWARM = 2"
    )


def test_one_misfit_among_several_is_all_or_nothing():
    good, bad = Block("train.py", (("LR = 0.10\n", "q\n"),)), Block("train.py", (("no\n", "q\n"),))
    result = fit((good, bad), FILES, {"train.py"})
    assert result.fault.startswith("Block 2: ") and len(result.edits) == 2


def test_a_change_of_nothing_is_a_misfit():
    assert "leaves every file as it was" in fitted("LR = 0.10\n", "LR = 0.10\n").fault


def test_a_new_file_is_written_whole_and_only_so():
    result = fitted(None, "a = 1\n", path="new.py")
    assert apply_edits(FILES, result.edits, {"new.py"})["new.py"] == "a = 1\n"
    assert "does not exist yet" in fitted("a\n", "b\n", path="new.py").fault


def test_an_empty_search_is_a_misfit():
    assert "is empty" in fitted("\n", "x = 1\n").fault


def test_a_block_that_can_be_divided_in_two_ways_is_a_misfit_unless_one_fits():
    text = "a\n=======\nb\n"
    ways = (("a\n", "=======\nc\n"), ("a\n=======\n", "c\n"))
    files = {"train.py": text}
    assert "more than one way" in fit((Block("train.py", ways),), files, {"train.py"}).fault
    ways = (("b\n", "=======\nc\n"), ("b\n=======\n", "c\n"))
    result = fit((Block("train.py", ways),), files, {"train.py"})
    assert apply_edits(files, result.edits, files)["train.py"] == "a\n=======\n=======\nc\n"


TEXTS = st.lists(st.sampled_from(["a", "b", "  a", "c ", "", "x = 1"]), min_size=1, max_size=12)


@settings(max_examples=300)
@given(TEXTS, st.integers(0, 11), st.integers(1, 4), TEXTS)
def test_lines_copied_exactly_are_replaced_there_and_nowhere_else(lines, start, count, new):
    text = "".join(f"{line}\n" for line in lines)
    sought = lines[start : start + count]
    search = "".join(f"{line}\n" for line in sought)
    replace = "".join(f"{line}\n" for line in new)
    result = fitted(search, replace, {"train.py": text})
    starts = [i for i in range(len(lines)) if sought and lines[i : i + len(sought)] == sought]
    if len(starts) == 1 and search.strip() and sought != new:
        done = apply_edits({"train.py": text}, result.edits, {"train.py"})["train.py"]
        at = starts[0]
        wanted = [*lines[:at], *new, *lines[at + len(sought) :]]
        assert done == "".join(f"{line}\n" for line in wanted)
    elif len(starts) > 1:
        assert result.fault
