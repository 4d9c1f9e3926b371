"""The audits of five real logs, with numbers that are derived here from the files themselves."""

import csv
import json
import math
import struct
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from scipy import integrate, special, stats

from novum.audit.log import LogAudit, audit_log
from novum.audit.page import audit_facts, grade, headline
from novum.audit.picture import HOW_TO_GET_IT, draw_audit, write_audit
from novum.errors import UsageError

LOGS = Path(__file__).parents[1] / "data" / "logs"
KARPATHY, PR109, PR442, MOE = (
    "karpathy_H100_mar8.tsv",
    "karpathy-pr109-loop_results.tsv",
    "karpathy-pr442-results_all.tsv",
    "autoresearch-moe.tsv",
)
LIQUID = "shopify-liquid-autoresearch.jsonl"
# Standard deviations of one run: known of the first (SOURCES.md), plain suppositions of the rest.
NOISE = {KARPATHY: 0.00051, PR109: 0.01, PR442: 0.01, MOE: 0.0005, LIQUID: 40.0}


def table(name: str) -> list[dict[str, str]]:
    with (LOGS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def plain(name: str) -> list[list[tuple[int, float, bool]]]:
    """Per phase, each scored run that was kept or discarded: its line, its score, whether kept."""
    if name == LIQUID:
        lines = [json.loads(line) for line in (LOGS / name).read_text("utf-8").splitlines()]
        runs = [(at, line) for at, line in enumerate(lines, 1) if "status" in line]
        scored = [(at, r["metric"], r["status"] == "keep") for at, r in runs if r["metric"]]
        return [scored]
    phases: dict[str, list[tuple[int, float, bool]]] = {}
    for line, row in enumerate(table(name), 2):
        score = float(row.get("val_bpb") or row.get("val_loss") or "nan")
        if row["status"] not in {"keep", "discard"} or score == 0:
            continue
        phase = row["description"].split("]")[0] if name == PR442 else ""
        phases.setdefault(phase, []).append((line, score, row["status"] == "keep"))
    return list(phases.values())


REPEATS = {LIQUID: {15, 22}}  # "Confirmation run: …" and "Clean confirmation run: …", by line


@pytest.fixture(scope="module")
def audits() -> dict[str, LogAudit]:
    return {
        name: audit_log(LOGS / name, noise=noise, metric=None, direction=None)
        for name, noise in NOISE.items()
    }


@pytest.mark.parametrize("name", NOISE)
def test_the_runs_and_keeps_are_those_of_the_file(audits, name):
    found, phases = audits[name], plain(name)
    assert found.log.minimize
    assert [s.attempts for s in found.segments] == [len(phase) - 1 for phase in phases]
    kept = [line for phase in phases for line, _, keep in phase[1:] if keep]
    assert [keep.row.line for keep in found.keeps] == kept
    assert {found.row.line for found in found.repeats} >= REPEATS.get(name, set())


@pytest.mark.parametrize("name", NOISE)
def test_the_effects_that_were_seen_are_differences_of_records(audits, name):
    seen = []
    for phase in plain(name):
        records = [score for _, score, keep in phase if keep]
        seen += [before - after for before, after in pairwise(records)]
    assert [keep.seen for keep in audits[name].keeps] == pytest.approx(seen)
    size = stats.norm.ppf(0.975) * math.sqrt(2) * NOISE[name]
    assert audits[name].same_code == pytest.approx(size, rel=1e-4)
    assert sum(k.luck_sized for k in audits[name].keeps) == sum(effect <= size for effect in seen)


@pytest.mark.parametrize("name", NOISE)
def test_pure_luck_is_that_of_exchangeable_runs(audits, name):
    for segment, phase in zip(audits[name].segments, plain(name), strict=True):
        count = len(phase)
        expected = special.digamma(count + 1) - special.digamma(2)
        assert segment.luck.keeps == pytest.approx(expected, abs=1e-9)

        def height(x: float, count: int = count) -> float:
            return count * x * stats.norm.pdf(x) * stats.norm.cdf(x) ** (count - 1)

        largest = integrate.quad(height, -10, 10)[0]
        assert segment.luck.gain == pytest.approx(NOISE[name] * largest, rel=1e-3, abs=1e-12)


@pytest.mark.parametrize("name", NOISE)
def test_the_gain_is_that_of_the_records_less_luck(audits, name):
    """The last record was chosen and the baseline was not: so the truth is at most a little more,
    and not much less, than the records say: within what two runs and the luck of all can do."""
    for segment, phase in zip(audits[name].segments, plain(name), strict=True):
        last = [(line, score) for line, score, keep in phase if keep]
        last = [score for line, score in last if line not in REPEATS.get(name, set())]
        seen = phase[0][1] - last[-1]
        assert segment.seen == pytest.approx(seen)
        assert segment.gain.low <= segment.gain.mean <= segment.gain.high
        reach = 4 * NOISE[name]
        assert seen - reach < segment.gain.low and segment.gain.high < seen + reach
        if len(last) > 1:
            width = (segment.gain.high - segment.gain.low) / (2 * stats.norm.ppf(0.975))
            assert width <= 1.1 * math.sqrt(2) * NOISE[name]


def test_karpathys_log_at_its_known_noise(audits):
    """FACTS.md: 12 of the 22 are below 0.0005, a fit expects 5 to 11 false ones, and of the sum
    0.0282 about 0.0276 is real."""
    found = audits[KARPATHY]
    assert len(found.keeps) == 22
    assert sum(keep.seen < 0.0005 for keep in found.keeps) >= 12
    assert 5 <= found.false <= 11
    assert found.segments[0].gain.mean == pytest.approx(0.0276, abs=0.0004)
    large = [keep for keep in found.keeps if keep.seen > 4 * math.sqrt(2) * 0.00051]
    assert len(large) == 3 and all(keep.survives for keep in large)
    assert all(keep.luck_sized for keep in found.keeps if keep.seen < 0.0005)


def test_the_change_of_the_seed_is_named(audits):
    (found,) = audits[KARPATHY].repeats
    line = next(at for at, row in enumerate(table(KARPATHY), 2) if "seed" in row["description"])
    assert (found.row.line, found.seed) == (line, True)
    moved = float(table(KARPATHY)[line - 2]["val_bpb"]) - 0.973104
    assert audits[KARPATHY].measured.sum_squares == pytest.approx(moved**2 / 2)


def test_confirmation_runs_measure_the_noise_and_are_no_gains(audits):
    found = audits[LIQUID]
    again = {keep.row.line: keep for keep in found.keeps if keep.repeat is not None}
    assert set(again) == REPEATS[LIQUID]
    assert all(keep.probability == 0 for keep in again.values())
    squares = (3556 - 3464) ** 2 / 2 + (3350 - 3314) ** 2 / 2
    assert (found.measured.sum_squares, found.measured.degrees) == (pytest.approx(squares), 2)


def test_keeps_that_were_worse_are_luck_at_best(audits):
    for name in (PR442, LIQUID):
        worse = [keep for keep in audits[name].keeps if keep.seen < -2 * NOISE[name]]
        assert worse
        assert {grade(keep) for keep in worse} == {"luck"}


def test_rows_that_were_not_used_are_told_with_their_lines(audits):
    rows = list(enumerate(table(MOE), 2))
    zeros = [line for line, row in rows if float(row["val_bpb"]) == 0]
    strange = [line for line, row in rows if row["status"] not in {"keep", "discard"}]
    assert [problem.line for problem in audits[MOE].log.problems] == sorted(zeros + strange)
    assert len(zeros) == 11 and len(strange) == 3


def test_without_a_word_the_noise_is_inferred_with_its_uncertainty():
    ruler = audit_log(LOGS / KARPATHY, metric=None, direction=None).ruler
    assert not ruler.given
    assert ruler.low < 0.00051 < ruler.high  # 27 runs of the same configuration elsewhere
    assert 0.0002 < ruler.sd < 0.00051  # and the repeats inside one session


@pytest.mark.parametrize("name", NOISE)
def test_the_facts_are_json_and_agree(audits, name):
    facts = json.loads(json.dumps(audit_facts(audits[name]), allow_nan=False))
    keeps = [keep for segment in facts["segments"] for keep in segment["keeps"]]
    assert facts["keeps"] == len(keeps)
    assert facts["expected_false_keeps"] == pytest.approx(sum(1 - k["probability"] for k in keeps))
    assert facts["surviving"] == sum(k["probability"] >= facts["survives_at"] for k in keeps)
    assert str(facts["surviving"]) in headline(audits[name])


@pytest.mark.parametrize("name", [KARPATHY, PR442, LIQUID])
def test_the_picture_is_drawn(audits, name, tmp_path):
    pytest.importorskip("matplotlib")
    picture = draw_audit(audits[name])
    assert struct.unpack(">II", picture[16:24]) == (1600, 900)
    told = write_audit(audits[name], tmp_path)
    assert [line.split()[0] for line in told] == ["wrote", "wrote"]
    assert {path.name for path in tmp_path.iterdir()} == {"audit.png", "audit.json"}


def test_without_matplotlib_it_says_how_to_get_the_picture(audits, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert write_audit(audits[MOE], tmp_path)[1:] == [HOW_TO_GET_IT]
    assert [path.name for path in tmp_path.iterdir()] == ["audit.json"]


def audited(tmp_path: Path, *rows: str, noise: float | None = 0.1) -> LogAudit:
    path = tmp_path / "log.tsv"
    path.write_text("commit\tloss\tstatus\tdescription\n" + "\n".join(rows) + "\n")
    return audit_log(path, noise=noise, metric="loss", direction="minimize")


def test_a_kept_change_of_the_seed_is_named_and_has_no_effect(tmp_path):
    found = audited(tmp_path, "a\t5\tkeep\tbaseline", "b\t4\tkeep\tseed 1 to 2", "c\t3\tkeep\tx")
    seed, other = found.keeps
    assert (seed.probability, seed.repeat.words) == (0, "a change of the seed")
    assert other.survives
    assert found.segments[0].gain.mean < 2.5  # from between 5 and 4 to 3


def test_runs_before_the_first_keep_have_nothing_to_be_compared_with(tmp_path):
    found = audited(tmp_path, "a\t9\tdiscard\tx", "b\t5\tkeep\ty", "c\t4\tkeep\tz")
    assert (found.segments[0].before, found.attempts, len(found.keeps)) == (1, 1, 1)


@pytest.mark.parametrize("noise", [None, 0.1])
def test_a_single_run_and_a_log_without_keeps_claim_nothing(tmp_path, noise):
    assert headline(audited(tmp_path, "a\t5\tkeep\tx", noise=noise)).startswith("Nothing to judge")
    none = audited(tmp_path, "a\t5\tkeep\tx", "b\t6\tdiscard\ty", noise=noise)
    assert headline(none) == "Nothing was kept, of 1 attempt."
    discards = audited(tmp_path, "a\t5\tdiscard\tx", "b\t6\tdiscard\ty", noise=noise)
    assert (len(discards.keeps), discards.attempts) == (0, 1)


def test_a_log_of_crashes_has_nothing_to_audit(tmp_path):
    with pytest.raises(UsageError, match="2 runs, and none of them has a loss"):
        audited(tmp_path, "a\t0\tcrash\tx", "b\t0\tcrash\ty")


def test_higher_may_be_better(tmp_path):
    path = tmp_path / "log.tsv"
    path.write_text("commit\tacc\tstatus\tdescription\na\t5\tkeep\tx\nb\t9\tkeep\ty\n")
    found = audit_log(path, noise=0.1, metric=None, direction=None)
    assert not found.log.minimize
    assert found.keeps[0].seen == 4 and found.keeps[0].survives
    assert found.segments[0].gain.mean == pytest.approx(4, abs=0.2)
    assert found.segments[0].reigns[1].mean == pytest.approx(9, abs=0.1)
