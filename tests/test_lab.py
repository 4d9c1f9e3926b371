"""lab.toml: what is wrong is named with its line."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novum.errors import LabError
from novum.lab import LAB_FILE, Lab, parse_lab, read_lab
from novum.tables import line_of

SOUND = """\
[lab]
name = "gpt"
question = "?"

[metric]
name = "val_bpb"
direction = "minimize"

[budget]
seconds = 300

[files]
editable = ["train.py"]
frozen = ["prepare.py"]

[trial]
run = ["python", "train.py"]
evaluate = ["python", "evaluate.py"]

[sandbox]
mode = "auto"

[guards]
peak_memory_mb = { max = 45000 }
lines_changed = { weight = 0.00001 }

[judge]
policy = "belief"

[search]
strategy = "greedy"

[researcher]
use = "backlog"

[space.matrix_lr]
low = 0.005
high = 0.1
log = true
"""
TABLES = [line[1:-1] for line in SOUND.splitlines() if line.startswith("[")]


def line_in(text: str, needle: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if needle in line)


def without(key: str) -> str:
    return "".join(
        line for line in SOUND.splitlines(keepends=True) if not line.startswith(f"{key} =")
    )


def replaced(old: str, new: str) -> str:
    assert SOUND.count(old) == 1
    return SOUND.replace(old, new)


def complaint(text: str) -> str:
    with pytest.raises(LabError) as caught:
        parse_lab(text)
    return str(caught.value)


def test_a_sound_lab_is_read():
    lab = parse_lab(SOUND)
    assert lab.minimize
    assert not lab.self_reported
    assert lab.line_cost == 1e-5
    assert lab.timeout(300) == 300 + 2 * 300 + 10


@settings(max_examples=40)
@given(
    table=st.sampled_from([table for table in TABLES if table != "guards"]),
    key=st.from_regex(r"[a-z]{3,9}_zz", fullmatch=True),
    value=st.sampled_from(["1", '"text"', "true", "[1, 2]", "{ a = 1 }"]),
)
def test_an_unknown_key_in_any_table_names_its_line(table, key, value):
    text = SOUND.replace(f"[{table}]\n", f"[{table}]\n{key} = {value}\n")
    said = complaint(text)
    assert said.startswith(f"lab.toml:{line_in(text, key)}: unknown key `{table}.{key}`")


@settings(max_examples=20)
@given(table=st.from_regex(r"[a-z]{3,9}_zz", fullmatch=True))
def test_an_unknown_table_names_its_line(table):
    text = SOUND + f"\n[{table}]\na = 1\n"
    assert complaint(text).startswith(f"lab.toml:{line_in(text, f'[{table}]')}: unknown key")


def test_an_unknown_key_within_an_inline_table_names_its_line():
    text = replaced("{ max = 45000 }", "{ maximum = 45000 }")
    said = complaint(text)
    assert f"lab.toml:{line_in(text, 'maximum')}: " in said
    assert "known here: min, max, weight" in said


@pytest.mark.parametrize(
    ("table", "known"),
    [
        ("metric", "direction"),
        ("judge", "max_runs"),
        ("space.matrix_lr", "log"),
    ],
)
def test_an_unknown_key_is_answered_with_the_known_ones_of_its_table(table, known):
    said = complaint(SOUND.replace(f"[{table}]\n", f"[{table}]\nfoo = 1\n"))
    assert known in said.partition("known here: ")[2].split(", ")


@pytest.mark.parametrize("key", ["direction", "seconds", "editable", "run"])
def test_a_missing_key_is_named_with_its_table(key):
    said = complaint(without(key))
    assert re.match(rf"lab\.toml:\d+: `\w+\.{key}` is missing", said)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('direction = "minimize"', 'direction = "down"'),
        ("seconds = 300", "seconds = 0"),
        ("seconds = 300", "seconds = -1"),
        ("seconds = 300", "seconds = inf"),
        ("seconds = 300", "seconds = nan"),
        ("[judge]", "[judge]\nend_hopeless = 0.0"),
        ("[judge]", "[judge]\nend_hopeless = 0.6"),
        ("[judge]", "[judge]\nend_hopeless = true"),
        ('name = "val_bpb"', 'name = "val bpb"'),
        ('editable = ["train.py"]', "editable = []"),
        ('editable = ["train.py"]', 'editable = ["/etc/passwd"]'),
        ('editable = ["train.py"]', 'editable = ["../train.py"]'),
        ('editable = ["train.py"]', 'editable = [".git/config"]'),
        ('editable = ["train.py"]', 'editable = ["sub/.GIT/config"]'),
        ('editable = ["train.py"]', 'editable = ["train\\n.py"]'),
        ('editable = ["train.py"]', 'editable = ["sub/.gitattributes"]'),
        ('editable = ["train.py"]', 'editable = ["conftest.py"]'),
        ('editable = ["train.py"]', 'editable = ["start.pth"]'),
        ('editable = ["train.py"]', 'editable = ["Lab.toml"]'),
        ('editable = ["train.py"]', 'editable = ["Prepare.py"]'),
        ('editable = ["train.py"]', 'editable = ["."]'),
        ('editable = ["train.py"]', 'editable = "train.py"'),
        ('editable = ["train.py"]', 'editable = ["lab.toml"]'),
        ('editable = ["train.py"]', 'editable = ["program.md"]'),
        ('editable = ["train.py"]', 'editable = ["ideas.toml"]'),
        ('editable = ["train.py"]', 'editable = ["prepare.py"]'),
        ('run = ["python", "train.py"]', "run = []"),
        ('mode = "auto"', 'mode = "maybe"'),
        ('policy = "belief"', 'policy = "belief"\nmax_runs = 0'),
        ('policy = "belief"', 'policy = "belief"\nerror_rate = 1'),
        ("seconds = 300", "seconds = 300\ntimeout = 200"),
    ],
)
def test_an_impossible_value_names_its_line(old, new):
    text = replaced(old, new)
    key = new.splitlines()[-1].partition(" =")[0]
    assert complaint(text).startswith(f"lab.toml:{line_in(text, new.splitlines()[-1])}: "), key


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{ max = 45000 }", "{ min = 5, max = 3 }"),
        ("{ max = 45000 }", "{ weight = 1 }"),
        ("low = 0.005", "low = 0.5"),
        ("low = 0.005", "low = 0.0"),
        ("seconds = 300", 'seconds = "300"'),
        ("seconds = 300", "seconds = true"),
    ],
    ids=["min over max", "weight of another", "low over high", "log of 0", "text", "truth"],
)
def test_a_value_that_cannot_be_meant_names_its_line(old, new):
    text = replaced(old, new)
    assert complaint(text).startswith(f"lab.toml:{line_in(text, new)}: ")


def test_a_holdout_without_an_evaluator_is_refused():
    text = without("evaluate").replace("[trial]\n", '[trial]\nholdout = ["python", "h.py"]\n')
    assert f"lab.toml:{line_in(text, 'holdout')}: " in complaint(text)


def test_a_syntax_error_names_its_line():
    assert complaint("[lab]\nname = gpt\n") == (
        "lab.toml:2 cannot be read: Invalid value: `name = gpt`; texts stand in quotes"
    )


@given(st.text(max_size=200))
def test_whatever_the_text_is_it_is_a_lab_or_a_lab_error(text):
    try:
        assert isinstance(parse_lab(text), Lab)
    except LabError as error:
        assert str(error).startswith(LAB_FILE)


@settings(max_examples=60)
@given(
    line=st.sampled_from([line for line in SOUND.splitlines() if " = " in line]),
    value=st.sampled_from(["1", "-1", "nan", '""', '"."', '"a.b"', "[]", '["."]', "[[]]", "{}"])
    | st.text(alphabet="abc.-\\/\0", max_size=4).map(lambda text: f"'{text}'"),
)
def test_any_value_at_any_key_is_read_or_answered_with_a_line(line, value):
    text = SOUND.replace(line, f"{line.partition(' = ')[0]} = {value}")
    try:
        parse_lab(text)
    except LabError as error:
        assert re.match(r"lab\.toml(:\d+)?( cannot be read)?: ", str(error))


def test_a_directory_without_a_lab_says_how_to_make_one(tmp_path):
    with pytest.raises(LabError, match="novum new"):
        read_lab(tmp_path)


def test_a_lab_that_is_not_text_is_a_lab_error(tmp_path):
    (tmp_path / LAB_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(LabError, match="cannot be read"):
        read_lab(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("editable =", "editible =", "unknown key `files.editible` (is `editable` meant?)"),
        ("seconds = 300", 'seconds = "300"', "must be a number, without quotes"),
        ("question = ", "question = 7 #", "must be text, in quotes"),
        ('["train.py"]', '"train.py"', 'must be a list, such as ["train.py"]'),
        ('["python", "train.py"]', '"python train.py"', 'such as ["python", "train.py"]'),
        ("editable = [", "editable = [] # ", "must have no fewer entries than 1"),
        ("{ max = 45000 }", "45000", "must be a table, of min, max, weight"),
        ("[sandbox]", '[dial]\ndepth = "2"', "must be a number, without quotes"),
        ('name = "gpt"', 'name = "my lab"', "must be a name: letters, digits"),
        ("seconds = 300", "seconds = -1", "must be greater than 0"),
        ('"minimize"', '"lower"', "must be 'minimize' or 'maximize'"),
    ],
)
def test_what_would_be_right_is_said_in_words_of_toml(old, new, said):
    text = replaced(old, new)
    complained = complaint(text)
    assert complained.startswith(f"lab.toml:{line_in(text, new.splitlines()[-1])}: ")
    assert said in complained


def test_text_that_is_no_utf8_names_its_line(tmp_path):
    (tmp_path / LAB_FILE).write_bytes(b"[lab]\n# caf\xe9\n")
    with pytest.raises(LabError, match=r"lab\.toml:2 cannot be read: no UTF-8; save it as UTF-8"):
        read_lab(tmp_path)


def test_a_file_of_an_editor_that_begins_with_a_mark_of_byte_order_is_read(tmp_path):
    (tmp_path / LAB_FILE).write_text(SOUND, encoding="utf-8-sig")
    assert read_lab(tmp_path) == parse_lab(SOUND)
    assert complaint("\ufeff[lab]\nnames = 1\n").startswith("lab.toml:2: unknown key `lab.names`")


def test_the_line_of_a_key_in_a_list_of_tables_is_that_of_its_own_table():
    text = "[[a]]\nx = 1\n[[a.b]]\nx = 2\n[[a]]\n[[a.b]]\n[[a.b]]\nx = 3\n[c]\nx = 4\n"
    assert line_of(text, ("a", "0", "b", "0", "x")) == 4
    assert line_of(text, ("a", "1", "b", "1", "x")) == 8
    assert line_of(text, ("a", "1", "x")) == 5
    assert line_of(text, ("c", "x")) == 10


def test_the_line_of_a_key_that_is_not_there_is_the_line_of_its_table():
    assert line_of(SOUND, ("budget", "timeout")) == line_in(SOUND, "[budget]")


def test_a_dotted_key_is_found():
    assert line_of('a = 1\nmetric.name = "x"\n', ("metric", "name")) == 2


def test_a_processor_clock_gets_more_wall_time():
    wall = parse_lab(SOUND)
    cpu = parse_lab(replaced("seconds = 300", 'seconds = 300\nclock = "cpu"'))
    assert cpu.timeout(300) > wall.timeout(300)


RATE = replaced('direction = "minimize"', 'direction = "maximize"\nnoise = "rate"').replace(
    'policy = "belief"', ""
)


@pytest.mark.parametrize(
    ("noise", "policy", "runs"),
    [("gaussian", "belief", 3), ("rate", "rate", 1), ("none", "exact", 2)],
)
def test_the_policy_and_the_baseline_suit_the_noise_where_nothing_is_said(noise, policy, runs):
    text = RATE.replace('noise = "rate"', f'noise = "{noise}"')
    lab = parse_lab(text)
    assert (lab.policy, lab.baseline_runs) == (policy, runs)


def test_what_the_person_says_of_policy_and_baseline_holds():
    text = replaced('policy = "belief"', 'policy = "greedy"\nbaseline_runs = 7')
    assert (parse_lab(text).policy, parse_lab(text).baseline_runs) == ("greedy", 7)


@pytest.mark.parametrize(
    ("noise", "policy", "said"),
    [
        ("rate", "belief", 'policy "rate" alone'),
        ("rate", "certain", 'policy "rate" alone'),
        ("gaussian", "rate", 'needs metric.noise = "rate"'),
        ("none", "rate", 'needs metric.noise = "rate"'),
        ("gaussian", "exact", 'needs metric.noise = "none"'),
        ("none", "certain", 'use "exact"'),
    ],
)
def test_a_policy_that_does_not_suit_the_noise_names_its_line(noise, policy, said):
    text = replaced('direction = "minimize"', f'direction = "minimize"\nnoise = "{noise}"')
    text = text.replace('policy = "belief"', f'policy = "{policy}"')
    answer = complaint(text)
    assert answer.startswith(f"lab.toml:{line_in(text, 'policy = ')}: ")
    assert said in answer


def test_a_rate_needs_an_evaluator():
    text = RATE.replace('evaluate = ["python", "evaluate.py"]', "")
    answer = complaint(text)
    assert answer.startswith(f"lab.toml:{line_in(text, 'noise = ')}: ")
    assert "needs an evaluator" in answer
