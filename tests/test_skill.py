"""What coding agents find in a lab: valid, every agent is led to it, and the person's stays."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from skills_ref.parser import parse_frontmatter
from skills_ref.validator import validate

from novum import skill
from novum.cli import cli
from novum.cli.agents import AGENTS
from novum.errors import LabError, UsageError
from novum.lab import parse_lab
from novum.mcp.clients import CLIENTS, setting


def install(directory: Path, **how: bool) -> dict[str, str]:
    lines = skill.install(directory, **how)
    return dict(line.split(": ", 1) for line in lines)


def test_both_places_hold_a_skill_that_keeps_to_the_specification(tmp_path):
    install(tmp_path)
    for path in (skill.SKILL, skill.POINTER):
        assert validate((tmp_path / path).parent) == []
    told, body = parse_frontmatter((tmp_path / skill.SKILL).read_text())
    assert len(body.splitlines()) < 500
    assert len(body) < 4 * 5000  # about 5,000 tokens
    pointed, where = parse_frontmatter((tmp_path / skill.POINTER).read_text())
    assert pointed["description"] == told["description"]
    assert str(skill.SKILL) in where


def test_every_agent_is_led_to_the_skill(tmp_path):
    install(tmp_path)
    assert (tmp_path / "CLAUDE.md").read_text() == "@AGENTS.md\n"
    assert str(skill.SKILL) in (tmp_path / "AGENTS.md").read_text()


def test_the_skill_names_tools_and_commands_that_exist():
    text = skill.skill_text()
    for tool in ("briefing", "read_file", "propose", "wait", "explain"):
        assert f"`{tool}" in text
    words = set(re.findall(r"`novum ([a-z]+)", text))
    assert words <= set(cli.commands), words


def test_a_second_time_changes_nothing(tmp_path):
    install(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.md")}
    assert all("is current" in said or "already" in said for said in install(tmp_path).values())
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.md")}


def test_what_the_person_wrote_stays_and_gets_a_marked_section(tmp_path):
    (tmp_path / "AGENTS.md").write_text("# Mine\n\nUse tabs.\n")
    (tmp_path / "CLAUDE.md").write_text("Be brief.\n")
    said = install(tmp_path)
    text = (tmp_path / "AGENTS.md").read_text()
    assert text.startswith("# Mine\n\nUse tabs.\n\n<!-- novum: begin -->\n")
    assert text.endswith("<!-- novum: end -->\n")
    assert (tmp_path / "CLAUDE.md").read_text() == "Be brief.\n"
    assert "add this line to it: @AGENTS.md" in said["CLAUDE.md"]
    install(tmp_path, force=True)
    assert (tmp_path / "CLAUDE.md").read_text() == "Be brief.\n\n@AGENTS.md\n"


def test_what_was_changed_in_ours_is_replaced_only_when_told_to(tmp_path):
    install(tmp_path)
    agents, whole = tmp_path / "AGENTS.md", tmp_path / skill.SKILL
    fresh = agents.read_text()
    agents.write_text("before\n" + fresh.replace("Never report", "Do report") + "after\n")
    whole.write_text("mine")
    said = install(tmp_path)
    assert "--force" in said["AGENTS.md"] and "--force" in said[str(skill.SKILL)]
    assert "Do report" in agents.read_text() and whole.read_text() == "mine"
    install(tmp_path, force=True)
    assert agents.read_text() == "before\n" + fresh + "after\n"
    assert whole.read_text() == skill.skill_text()


def test_places_that_a_person_has_linked_together_are_left_so(tmp_path):
    (tmp_path / ".agents" / "skills").mkdir(parents=True)
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / "skills").symlink_to("../.agents/skills")
    (tmp_path / "AGENTS.md").write_text("mine\n")
    (tmp_path / "CLAUDE.md").symlink_to("AGENTS.md")
    for force in (False, True):
        install(tmp_path, force=force)
        assert (tmp_path / skill.SKILL).read_text() == skill.skill_text()
        assert (tmp_path / "CLAUDE.md").is_symlink()
        assert "@AGENTS.md" not in (tmp_path / "AGENTS.md").read_text()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / ".agents").write_text("a file\n")
    with pytest.raises(UsageError, match=r"\.agents"):
        skill.install(tmp_path)


def novum(*words: object, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "novum", *map(str, words)], capture_output=True, text=True
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_a_new_lab_brings_them_committed_and_is_sound(tmp_path):
    lab = tmp_path / "lab"
    novum("new", "gpt", lab)
    names = subprocess.run(["git", "ls-files"], cwd=lab, capture_output=True, text=True).stdout
    tracked = set(names.splitlines())
    assert {"AGENTS.md", "CLAUDE.md", str(skill.SKILL), str(skill.POINTER)} <= tracked
    dirty = subprocess.run(["git", "status", "-s"], cwd=lab, capture_output=True, text=True).stdout
    assert dirty == ""
    assert "problem" not in novum("check", lab)
    assert "is current" in novum("skill", lab)


def test_a_lab_that_exists_gets_them_by_a_command(bed):
    assert f"{skill.SKILL}: written" in novum("skill", bed.path)
    assert "good     files" in novum("check", bed.path, status=1)  # it has no backlog
    novum("skill", bed.path.parent, status=2)


@pytest.mark.parametrize(
    "name",
    ["AGENTS.md", "CLAUDE.md", "GEMINI.md", ".mcp.json", str(skill.SKILL), ".claude/settings.json"],
)
def test_no_candidate_may_write_what_agents_obey(bed, name):
    text = (bed.path / "lab.toml").read_text().replace('"model.py"', f'"{name}"')
    with pytest.raises(LabError, match=f"{name} belongs to the person"):
        parse_lab(text)


@pytest.mark.parametrize("client", sorted(CLIENTS))
def test_the_settings_of_each_client_start_the_server_of_this_lab(client, tmp_path):
    found = setting(client, tmp_path / 'a "lab"')
    if client == "codex":
        own = tomllib.loads(found.text)["mcp_servers"]["novum"]
    elif client == "opencode":
        own = json.loads(found.text)["mcp"]["novum"]
        own |= {"args": own["command"][1:], "command": own["command"][0]}
    else:
        own = json.loads(found.text)["mcpServers"]["novum"]
    assert own["args"] == ["mcp", str(tmp_path / 'a "lab"')]
    assert Path(own["command"]).name == "novum"
    assert tuple(sorted(CLIENTS)) == AGENTS


def test_the_command_prints_them_and_only_them(bed):
    assert json.loads(novum("mcp", bed.path, "--config", "claude"))["mcpServers"]["novum"]
    novum("mcp", bed.path.parent, "--config", "claude", status=2)
