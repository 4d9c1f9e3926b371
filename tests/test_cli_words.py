"""What the commands say: short where it is a list, and what to do next where it is an error."""

import subprocess

from bed_cases import idea, tiny_lab
from novum.opening import Wish, begin
from novum.views import keeps_table
from test_cli import RUN, git, novum


def test_the_list_of_commands_fits_a_terminal_without_a_word_cut_off():
    said = novum("--help")
    commands = said.partition("Commands:\n")[2].splitlines()
    assert len(commands) > 20
    assert not [line for line in commands if line.endswith("...") or len(line) > 80]


def test_what_to_type_next_can_be_typed_where_a_path_has_spaces(tmp_path):
    lab = tiny_lab(tmp_path / "Mein Läb", RUN)
    (lab / "ideas.toml").write_text(idea("a", "4.00 0"))
    said = novum("run", lab, "--experiments", 1)
    assert f"for more: novum resume '{lab}' --experiments 21" in said


def test_when_the_ideas_have_run_out_it_says_so_and_what_then(tmp_path):
    lab = tiny_lab(tmp_path / "lab", RUN)
    (lab / "ideas.toml").write_text(idea("a", "4.00 0"))
    said = novum("run", lab, "--experiments", 5)
    assert f"for more: write down more ideas, and then novum resume {lab}" in said


def test_where_nothing_is_kept_yet_there_is_a_word_and_no_empty_table(bed):
    bed.write({"ideas.toml": ""})
    bed.commit("no ideas")
    campaign = begin(bed.path, bed.repo, bed.ledger, Wish())
    assert str(keeps_table(bed.ledger, campaign)) == "nothing is kept yet, not even the baseline"


def test_a_lab_is_not_taken_for_the_words_that_were_forgotten(tmp_path):
    lab = tiny_lab(tmp_path / "lab", RUN)
    for command in ("idea", "say"):
        assert f'novum {command} {lab} "words"' in novum(command, lab, status=2)
    assert "noted" in novum("idea", lab, "w" * 5000)


def test_an_exhibit_that_there_is_none_of_is_a_problem_of_the_lab(tmp_path):
    lab = tiny_lab(tmp_path / "lab", RUN)
    text = (lab / "lab.toml").read_text() + '[report]\nexhibits = ["molecule"]\n'
    (lab / "lab.toml").write_text(text)
    git(lab, "commit", "-qam", "an exhibit")
    said = novum("check", lab, status=1)
    assert "problem  exhibit: no exhibit is called `molecule`; known: molecules, site" in said


def test_a_metric_that_was_not_printed_is_told_beside_those_that_were(tmp_path):
    lab = tiny_lab(tmp_path / "lab", 'echo "val_bpb: 1.5"\n')
    said = novum("run", lab, status=1)
    assert "`score` was not printed" in said and "; printed were: val_bpb" in said


def test_a_lab_on_a_disk_that_cannot_be_written_says_what_to_do(small_disk):
    lab = tiny_lab(small_disk / "lab", RUN)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    said = novum("run", lab, status=1)
    assert "Read-only file system; Novum has to write there" in said
    assert git(lab, "status", "--porcelain") == ""
