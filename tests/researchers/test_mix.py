"""The mix: each member by its share, whatever happens in between."""

from collections import Counter
from dataclasses import replace

import pytest

from novum.briefing import Briefing
from novum.errors import UsageError
from novum.records import Edit, Proposal
from novum.researchers import Desk
from novum.researchers.mix import Member, Mix, shares_in
from novum.standing import Tally
from novum.testing import ScriptedResearcher


class Endless(ScriptedResearcher):
    """Proposes without end, under a label that tells more than its name."""

    def __init__(self, name, label="", most=10_000, instant=True):
        super().__init__()
        self.name, self.label, self.left, self.instant = name, label or name, most, instant
        self.asked = 0

    def propose(self, briefing, desk):
        self.asked += 1
        if self.left == 0:
            return None
        self.left -= 1
        edit = Edit("train.py", None, f"{self.asked}")
        return Proposal("t", (edit,), key=f"{self.name}-{self.left}", researcher=self.label)


def mix(**shares) -> Mix:
    return Mix(tuple(Member(one.name, share, one) for one, share in shares.values()))


def run(mixed: Mix, lab, count: int, tallies=None) -> list[str]:
    """Who proposed, in order; each proposal becomes an experiment."""
    tallies = dict(tallies or {})
    labels = []
    for _ in range(count):
        proposal = mixed.propose(Briefing(lab, "", {}, set(), (), tallies=tallies), Desk())
        if proposal is None:
            break
        labels.append(proposal.researcher)
        was = tallies.get(proposal.researcher, Tally())
        tallies[proposal.researcher] = replace(was, proposed=was.proposed + 1)
    return labels


def test_each_member_proposes_by_its_share_at_every_moment(bed):
    members = {"a": (Endless("a"), 3), "b": (Endless("b"), 2), "c": (Endless("c"), 1)}
    labels = run(mix(**members), bed.lab, 60)
    assert Counter(labels) == {"a": 30, "b": 20, "c": 10}
    for end in range(1, 61):
        counts = Counter(labels[:end])
        assert all(abs(counts[name] - end * share / 6) < 1 for name, (_, share) in members.items())


def test_a_new_process_goes_on_where_the_old_one_was(bed):
    def made():
        return mix(a=(Endless("a"), 3), b=(Endless("b"), 2))

    whole = run(made(), bed.lab, 20)
    counts = Counter(whole[:7])
    known = {name: Tally(proposed=count) for name, count in counts.items()}
    assert run(made(), bed.lab, 13, known) == whole[7:]


def test_what_others_proposed_does_not_count(bed):
    tallies = {"person": Tally(50), "abc": Tally(50), "novum": Tally(1)}
    labels = run(mix(a=(Endless("a"), 1), b=(Endless("b"), 1)), bed.lab, 10, tallies)
    assert Counter(labels) == {"a": 5, "b": 5}


def test_a_label_that_tells_more_belongs_to_the_member_that_it_names_best(bed):
    general = Endless("chat", "chat:anthropic/x")
    special = Endless("chat:openai/y")
    mixed = mix(general=(general, 1), special=(special, 1), b=(Endless("b"), 2))
    labels = run(mixed, bed.lab, 20)
    assert Counter(labels) == {"chat:anthropic/x": 5, "chat:openai/y": 5, "b": 10}


def test_two_members_of_one_kind_are_told_apart_by_the_names_that_the_person_gave(bed):
    one, other = Endless("backlog"), Endless("backlog")
    members = (Member("backlog:a.toml", 3, one), Member("backlog:b.toml", 1, other))
    labels = run(Mix(members), bed.lab, 12)
    assert Counter(labels)["backlog:b.toml"] == 3
    assert one.asked == 9 and other.asked == 3


def test_who_has_nothing_left_drops_out_and_the_others_go_on(bed):
    mixed = mix(a=(Endless("a", most=2), 5), b=(Endless("b", most=3), 1))
    assert Counter(run(mixed, bed.lab, 20)) == {"a": 2, "b": 3}


def test_a_list_that_grows_is_asked_again_and_who_takes_its_time_is_not(bed):
    quick, slow = Endless("quick", most=0), Endless("slow", most=0, instant=False)
    mixed = mix(a=(quick, 1), b=(slow, 1))
    assert run(mixed, bed.lab, 1) == run(mixed, bed.lab, 1) == []
    assert (quick.asked, slow.asked) == (2, 1)
    quick.left = 1
    assert run(mixed, bed.lab, 1) == ["quick"]


def test_who_was_cancelled_is_asked_again(bed):
    slow = Endless("slow", most=0, instant=False)
    mixed, desk = mix(a=(slow, 1)), Desk()
    desk.cancel.set()
    briefing = Briefing(bed.lab, "", {}, set(), ())
    assert mixed.propose(briefing, desk) is None
    assert mixed.propose(briefing, Desk()) is None and slow.asked == 2


def test_it_is_instant_if_all_are():
    assert mix(a=(Endless("a"), 1), b=(Endless("b"), 1)).instant
    assert not mix(a=(Endless("a"), 1), b=(Endless("b", instant=False), 1)).instant


def test_shares_are_written_with_names_that_may_have_colons():
    text = "chat:anthropic/x=2, tuner:cmaes=0.5,my.module:Class=1"
    assert shares_in(text) == {"chat:anthropic/x": 2, "tuner:cmaes": 0.5, "my.module:Class": 1}


@pytest.mark.parametrize("text", ["tuner", "=1", "tuner=", "a=1,,b=2", "a=-1", "a=inf", "a=1,a=2"])
def test_what_is_no_share_is_an_error(text):
    with pytest.raises(UsageError, match=r"is not the share of .*mix:tuner=1,backlog=2"):
        shares_in(text)


def test_the_table_of_the_lab_is_taken_where_nothing_is_chosen(bed):
    bed.toml((bed.path / "lab.toml").read_text() + "\n[mix]\nnull = 2\nbacklog = 0\n")
    assert [one.name for one in Mix.for_lab(bed.lab, bed.path)._members] == ["null"]


@pytest.mark.parametrize("text", ["mix=1", "mix:null=1=2", "null=0"])
def test_a_mix_of_nobody_or_of_mixes_is_an_error(text, bed):
    with pytest.raises(UsageError, match="mix"):
        Mix.for_lab(bed.lab, bed.path, text)
    with pytest.raises(UsageError, match=r"\[mix\] in lab.toml"):
        Mix.for_lab(bed.lab, bed.path)


def test_a_mix_works_in_a_campaign(bed):
    ideas = "".join(
        f'[[idea]]\nkey = "k{n}"\ntitle = "t"\n[[idea.edit]]\nfile = "train.py"\n'
        f'replace = "x = {n}\\n"\n'
        for n in range(1, 4)
    )
    bed.write({"ideas.toml": ideas})
    mixed = Mix.for_lab(bed.lab, bed.path, "null=1,backlog=1")
    bed.run(count=9, researcher=mixed)
    labels = [one.proposal.researcher or "backlog" for one in bed.experiments()][1:]
    assert Counter(labels) == {"null": 6, "backlog": 3}


def test_an_idea_in_words_goes_to_a_member_that_reads(bed):
    reader, other = Endless("chat", instant=False), Endless("tuner")
    mixed = mix(other=(other, 9), reader=(reader, 1))
    briefing = Briefing(bed.lab, "", {}, set(), ())
    assert mixed.propose(briefing, Desk()).researcher == "tuner"
    assert mixed.propose(replace(briefing, idea="a wider model"), Desk()).researcher == "chat"
