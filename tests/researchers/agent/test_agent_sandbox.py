"""What an agent sees and reaches in its sandbox: its tree, its own settings, its provider."""

import json
import os
from pathlib import Path

import pytest
from agent_stage import LOWER
from test_agent_proxy import site

import novum
from novum.records import Edit
from novum.researchers.agent.home import Home
from novum.researchers.agent.installation import find

LOWERED = (Edit("train.py", "x = 0\n", "x = -1\n"),)
pytestmark = pytest.mark.usefixtures("confined")


def told(stage, name: str) -> str:
    """What the stand-in printed behind a name."""
    return next(
        line.removeprefix(f"{name}=") for line in stage.output.splitlines() if f"{name}=" in line
    )


def test_nothing_of_the_persons_is_there(stage):
    (stage.home / ".ssh").mkdir()
    (stage.home / ".ssh/id").write_text("key")
    stage.install("claude")
    seen = [str(stage.home / ".ssh/id"), str(stage.bed.path / "lab.toml"), "/run", "/var"]
    stage.plan(f'print("SEEN=", [p for p in {seen!r} if os.path.exists(p)]);' + LOWER)
    (stage.bed.path / ".novum/data").mkdir(parents=True)
    stage.ask(stage.agent())
    assert told(stage, "SEEN").strip() == "[]"


def test_a_program_of_the_labs_own_does_not_bring_the_lab_with_it(stage):
    program = stage.bed.path / "bin/mine"
    program.parent.mkdir()
    (stage.bed.path / ".novum/data").mkdir(parents=True)
    seen = [str(stage.bed.path / name) for name in (".novum/data", "lab.toml", ".git")]
    program.write_text('#!/bin/sh\necho "x = -1" > train.py\nls -d ' + " ".join(seen) + " || true")
    program.chmod(0o755)
    more = f'command = ["{program}", "{{prompt_file}}"]\n'
    stage.ask(stage.agent("", more))
    assert stage.output.count("cannot access") == len(seen), stage.output


def test_novum_itself_is_not_there_though_what_it_lies_in_may_be_read(stage):
    package = Path(novum.__file__).parent
    stage.install("claude")
    stage.plan(f'print("SEEN=", os.listdir({str(package)!r}));' + LOWER)
    stage.ask(stage.agent(more=f'[sandbox]\nreadable = ["{package.parent}"]\n'))
    assert told(stage, "SEEN").strip() == "[]"


def test_a_readable_directory_that_holds_the_lab_does_not_show_what_is_secret(stage):
    stage.install("claude")
    secret = [str(stage.bed.path / name) for name in (".novum", ".git")]
    stage.plan(f'print("SEEN=", [os.listdir(path) for path in {secret!r}]);' + LOWER)
    stage.ask(stage.agent(more=f'[sandbox]\nreadable = ["{stage.bed.path.parent}"]\n'))
    assert told(stage, "SEEN").strip() == "[[], []]"


def test_the_environment_holds_the_key_and_nothing_else_of_the_persons(stage, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-2")
    monkeypatch.setenv("MINE", "given")
    stage.install("claude")
    stage.plan('print("ENV=" + json.dumps(dict(os.environ)));' + LOWER)
    stage.ask(stage.agent(more='environment = ["MINE"]\n'))
    found = json.loads(told(stage, "ENV"))
    assert found["ANTHROPIC_API_KEY"] == "sk-1" and found["MINE"] == "given"
    assert not {"AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY"} & found.keys()
    assert found["HOME"] == "/home/novum"


def test_only_the_tree_can_be_written(stage):
    stage.install("claude")
    places = ["/usr/x", "/etc/x", "/novum/x", str(stage.place / "bin/x"), "/x", "/lab/x.pyc"]
    code = (
        "def may(p):\n try:\n  open(p, 'w').close()\n  return True\n"
        " except OSError:\n  return False\n"
        f"print('MAY=', [p for p in {places!r} if may(p)])\n"
    )
    stage.plan(code + LOWER)
    stage.ask(stage.agent())
    assert told(stage, "MAY").strip() == "['/lab/x.pyc']"


REACH = """
import socket, urllib.request
def get(url, direct=False):
    handlers = [urllib.request.ProxyHandler({})] if direct else []
    try:
        return urllib.request.build_opener(*handlers).open(url, timeout=20).status
    except OSError as error:
        return getattr(error, "code", type(error).__name__)
"""


def test_only_allowed_hosts_can_be_reached(stage):
    stage.install("claude")
    with site() as allowed, site() as other:
        a, b = f"http://127.0.0.1:{allowed.server_port}", f"http://127.0.0.1:{other.server_port}"
        asks = f"""
print("ALLOWED=", get({a!r}))
print("OTHER=", get({b!r}))
os.environ["no_proxy"] = os.environ["NO_PROXY"] = ""
print("VIA=", get({a!r}), get({b!r}), get("http://10.1.2.3/"), get("http://example.org/"))
print("DIRECT=", get("http://10.1.2.3/", direct=True))
"""
        stage.plan(REACH + asks + LOWER)
        hosts = f'hosts = ["127.0.0.1:{allowed.server_port}"]\n'
        assert stage.ask(stage.agent(more=hosts)).edits == LOWERED
        assert other.asked == [] and len(allowed.asked) == 2
    assert told(stage, "ALLOWED").strip() == "200"
    assert told(stage, "OTHER").strip() == "URLError"  # nobody listens there, inside
    assert told(stage, "VIA").split() == ["200", "403", "403", "403"]
    assert told(stage, "DIRECT").strip() == "URLError"
    assert "example.org:80" in stage.kept["hosts that it was refused"]


def test_the_address_that_the_person_set_is_a_host_that_may_be_reached(stage, monkeypatch):
    stage.install("claude")
    with site() as there:
        url = f"http://127.0.0.1:{there.server_port}"
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        stage.plan(REACH + 'print("GOT=", get(os.environ["ANTHROPIC_BASE_URL"]))\n' + LOWER)
        stage.ask(stage.agent())
    assert told(stage, "GOT").strip() == "200"


def test_a_refused_host_is_named_when_the_agent_fails(stage):
    stage.install("claude")
    stage.plan(REACH + 'get("http://models.example.org/"); claude("no route", is_error=True)')
    with pytest.raises(
        Exception, match=r"may not reach models.example.org:80; `hosts` in \[agent\]"
    ):
        stage.ask(stage.agent())


def test_the_login_is_lent_and_what_was_renewed_comes_back(stage):
    login = stage.home / ".claude/.credentials.json"
    login.parent.mkdir()
    login.write_text('{"token": 1}')
    login.chmod(0o600)
    (stage.home / ".claude/history.jsonl").write_text("private")
    stage.install("claude")
    stage.plan(
        'home = Path(os.environ["HOME"]);'
        'print("HOME=", sorted(p.name for p in (home / ".claude").iterdir()));'
        '(home / ".claude/.credentials.json").write_text(\'{"token": 2}\');' + LOWER
    )
    stage.ask(stage.agent())
    assert told(stage, "HOME").strip() == "['.credentials.json']"
    assert json.loads(login.read_text()) == {"token": 2}
    assert login.stat().st_mode & 0o777 == 0o600


def test_a_key_makes_the_login_unnecessary(stage, monkeypatch):
    (stage.home / ".claude").mkdir()
    (stage.home / ".claude/.credentials.json").write_text('{"token": 1}')
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-1")
    stage.install("claude")
    stage.plan('print("HAS=", (Path(os.environ["HOME"]) / ".claude").exists());' + LOWER)
    stage.ask(stage.agent())
    assert told(stage, "HAS").strip() == "False"


def test_settings_are_lent_and_never_come_back(stage):
    settings = stage.home / ".claude/settings.json"
    settings.parent.mkdir()
    settings.write_text('{"a": 1}')
    (stage.home / ".mine").mkdir()
    (stage.home / ".mine/conf").write_text("c")
    stage.install("claude")
    stage.plan(
        'home = Path(os.environ["HOME"]); print("CONF=", (home / ".mine/conf").read_text());'
        '(home / ".claude/settings.json").write_text(\'{"hooks": "evil"}\');' + LOWER
    )
    stage.ask(stage.agent(more='home = [".mine"]\n'))
    assert told(stage, "CONF").strip() == "c"
    assert settings.read_text() == '{"a": 1}'


@pytest.mark.parametrize("left", ["garbage", "[1]", "gone", "link", "huge"])
def test_what_is_no_login_does_not_come_back(tmp_path, left):
    own, place = tmp_path / "own", tmp_path / "place"
    own.mkdir(), place.mkdir()
    (own / "login").write_text('{"token": 1}')
    (own / "secret").write_text('{"other": 1}')
    home = Home(place, own)
    home.lend(["login"], [])
    copy = home.path / "login"
    copy.unlink()
    if left == "link":
        copy.symlink_to(own / "secret")
    elif left == "huge":
        copy.write_text(json.dumps({"x": "y" * 2_000_000}))
    elif left != "gone":
        copy.write_text(left)
    home.take_back()
    assert (own / "login").read_text() == '{"token": 1}'


def test_a_login_that_the_person_renewed_meanwhile_stays(tmp_path):
    own, place = tmp_path / "own", tmp_path / "place"
    own.mkdir(), place.mkdir()
    (own / "login").write_text('{"token": 1}')
    home = Home(place, own)
    home.lend(["login"], [])
    (own / "login").write_text('{"token": 3}')
    (home.path / "login").write_text('{"token": 2}')
    home.take_back()
    assert (own / "login").read_text() == '{"token": 3}'


def test_a_login_that_a_killed_process_owes_comes_back(stage):
    login = stage.home / ".claude/.credentials.json"
    login.parent.mkdir()
    login.write_text('{"token": 1}')
    dead = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(dead, 0)
    place = stage.bed.path / f".novum/agents/claude-{dead}-0"
    place.mkdir(parents=True)
    home = Home(place, stage.home)
    home.lend([".claude/.credentials.json"], [])
    (home.path / ".claude/.credentials.json").write_text('{"token": 2}')
    stage.install("claude")
    stage.plan(LOWER)
    stage.ask(stage.agent())
    assert json.loads(login.read_text()) == {"token": 2}


def test_an_agent_that_filled_its_home_with_links_does_no_harm(tmp_path):
    own, place = tmp_path / "own", tmp_path / "place"
    (own / ".x").mkdir(parents=True), place.mkdir()
    (own / ".x/login").write_text('{"token": 1}')
    outside = tmp_path / "outside"
    outside.mkdir()
    home = Home(place, own)
    home.path.mkdir()
    (home.path / ".x").symlink_to(outside)
    home.lend([".x/login"], [])
    assert list(outside.iterdir()) == []
    assert (home.path / ".x/login").read_text() == '{"token": 1}'


def test_a_program_is_found_with_what_it_is_made_of(tmp_path):
    package = tmp_path / "lib/node_modules/thing"
    package.mkdir(parents=True)
    (package / "cli.js").write_text("#!/usr/bin/env sh\n")
    (package / "cli.js").chmod(0o755)
    (tmp_path / "links").mkdir()
    (tmp_path / "links/thing").symlink_to(package / "cli.js")
    found = find("thing", f"{tmp_path / 'links'}:/usr/bin:/bin")
    assert found.program == str(package / "cli.js")
    assert str(tmp_path / "lib/node_modules") in found.readable
    assert str(tmp_path) not in found.readable
    assert find("thing", "/usr/bin") is None


def test_a_program_in_the_home_does_not_show_the_home(stage):
    local = stage.home / ".local/bin"
    local.mkdir(parents=True)
    (local / "thing").write_text("#!/bin/sh\n")
    (local / "thing").chmod(0o755)
    found = find("thing", str(local))
    assert str(local / "thing") in found.readable
    assert not {str(stage.home), str(stage.home / ".local")} & set(found.readable)
