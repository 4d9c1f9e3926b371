"""What is read in an answer, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.researchers.chat.answer import read_answer, signs_for

EDITABLE = ("train.py", "src/model.py")
BLOCK = "<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE"
OTHER = BLOCK.replace("2", "3")
HEAD = "TITLE: Try two\nHYPOTHESIS: Two is more.\nEXPECTED: -0.5\nKIND: Number\n"
WAY = ("x = 1\n", "x = 2\n")


def read(text, editable=EDITABLE):
    return read_answer(text, editable)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}\nFILE: train.py\n{BLOCK}\n",
        f"{HEAD}\nFILE: train.py\n{BLOCK}",
        f"{HEAD}\nFILE: train.py\n{BLOCK}\n".replace("\n", "\r\n"),
        f"<think>\nFILE: train.py\n{OTHER}\n</think>\n{HEAD}FILE: train.py\n{BLOCK}",
        f"FILE: train.py\n{OTHER}\n</think>\n{HEAD}\nFILE: train.py\n{BLOCK}\n",
        f"Sure, here it is:\n\n{HEAD}\n**FILE:** `train.py`\n```python\n{BLOCK}\n```\nGood luck!",
        f"```\n{HEAD}\nFILE: train.py\n{BLOCK}\n```",
        f"# {HEAD}\n### train.py\n\n{BLOCK}   \n",
        f"**TITLE:** Try two\n**HYPOTHESIS:** Two\nis more.\n**Expected**: −0.5 points\n"
        f"**Kind:** *number*\n\nFILE: .\\train.py\n{BLOCK}",
        f"{HEAD}\nFILE: C:\\lab\\tree\\train.py\n{BLOCK}",
        f"{HEAD}\nFILE: /somewhere/tree/train.py\n{BLOCK}",
        f"{HEAD}\ntrain.py\n```\n<<<<<<< ORIGINAL\nx = 1\n=======\nx = 2\n>>>>>>> UPDATED\n```",
        f"{HEAD}\nFILE: train.py\n<<<<<<< SEARCH\n```python\nx = 1\n```\n=======\n"
        "```python\nx = 2\n```\n>>>>>>> REPLACE\n",
        f"{HEAD}\nFILE: train.py\n"
        + BLOCK.replace("<" * 7, "<" * 9).replace("=" * 7, "=" * 9).replace(">" * 7, ">" * 9),
    ],
)
def test_what_says_nothing_is_passed_over(text):
    answer = read(text)
    assert answer.fault == ""
    assert (answer.title, answer.hypothesis) == ("Try two", "Two is more.")
    assert (answer.expected, answer.kind) == (-0.5, "number")
    (block,) = answer.blocks
    assert block.path == "train.py" and block.ways == (WAY,)


def test_a_windows_path_in_a_folder_is_the_labs_own():
    answer = read(f"{HEAD}\nFILE: src\\model.py\n{BLOCK}")
    assert answer.blocks[0].path == "src/model.py"


def test_a_path_that_could_be_two_files_is_left_as_it_is():
    answer = read(f"{HEAD}\nFILE: there/b/a.py\n{BLOCK}", ("a.py", "b/a.py"))
    assert answer.blocks[0].path == "there/b/a.py"


def test_without_a_name_it_is_the_only_file_or_none():
    assert read(f"{HEAD}\n{BLOCK}", ("only.py",)).blocks[0].path == "only.py"
    assert read(f"{HEAD}\n{BLOCK}").blocks[0].path == ""


def test_a_name_holds_for_the_blocks_after_it():
    answer = read(f"{HEAD}\nFILE: train.py\n{BLOCK}\n\n{BLOCK}\nFILE: src/model.py\n{BLOCK}")
    assert [block.path for block in answer.blocks] == ["train.py", "train.py", "src/model.py"]


def test_a_whole_file():
    answer = read(f"{HEAD}FILE: train.py\n<<<<<<< WHOLE\nx = 3\n=======\n\ny = 4\n>>>>>>> END\n")
    assert answer.blocks[0].ways == ((None, "x = 3\n=======\n\ny = 4\n"),)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"{HEAD}FILE: train.py\n<<<<<<< SEARCH\nx\n=======\ny\n", "block 1 has no end"),
        (f"{HEAD}FILE: train.py\n<<<<<<< SEARCH\nx\n{BLOCK}", "block 1 has no end"),
        (f"{HEAD}FILE: train.py\n{BLOCK}\n<<<<<<< SEARCH\nx\n", "block 2 has no end"),
        (f"{HEAD}FILE: train.py\n<<<<<<< SEARCH\nx\n>>>>>>> REPLACE", "no line `=======`"),
        (f"{HEAD}FILE: train.py\n<<<<<<< SEARCH\nx\n======\ny\n>>>>>>> REPLACE", "no line"),
        (f"{HEAD}FILE: train.py\n<<<<<<< WHOLE\nx = 3\n", "`>>>>>>> END` is missing"),
    ],
)
def test_what_is_not_whole_is_a_fault_and_never_guessed_at(text, fault):
    assert fault in read(text).fault


def test_thoughts_without_an_end_hold_no_answer():
    assert read(f"<think>\n{HEAD}FILE: train.py\n{BLOCK}").blocks == ()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("-0.003", -0.003),
        ("about −0.003 val_bpb", -0.003),
        ("1e-3", 0.001),
        ("none", None),
        ("", None),
        ("between -0.01 and -0.02", None),
        ("-1%", None),
        ("1e999", None),
        ("nan", None),
    ],
)
def test_the_effect_expected_is_one_number_or_none(text, number):
    assert read(f"TITLE: t\nEXPECTED: {text}\n{BLOCK}").expected == number


def test_without_a_title_it_is_the_hypothesis_first_sentence():
    answer = read(f"HYPOTHESIS: Two is more. And three?\n{BLOCK}")
    assert answer.title == "Two is more."


LINES = st.lists(
    st.one_of(
        st.sampled_from(["=======", "<<<<<<< SEARCH", ">>>>>>> REPLACE", "=========", "```", ""]),
        st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12),
    ),
    max_size=6,
)


@given(LINES, LINES, LINES)
def test_no_content_of_files_can_break_a_block(search, replace, rest):
    file = "".join(f"{line}\n" for line in [*search, *rest, *replace])
    signs = signs_for({"train.py": file})
    text = "\n".join(
        [
            "TITLE: t",
            "FILE: train.py",
            "<" * signs + " SEARCH",
            *search,
            "=" * signs,
            *replace,
            ">" * signs + " REPLACE",
            "TITLE: last",
        ]
    )
    answer = read(text)
    fenced = any(len(part) >= 2 and part[0] == part[-1] == "```" for part in (search, replace))
    if not fenced:
        expected = ("".join(f"{s}\n" for s in search), "".join(f"{r}\n" for r in replace))
        assert answer.fault == "" and answer.title == "last"
        assert expected in answer.blocks[0].ways


@given(st.text(max_size=400))
def test_no_text_makes_it_stumble(text):
    read(text)
    read(f"{HEAD}{BLOCK[:20]}{text}{BLOCK[20:]}")
