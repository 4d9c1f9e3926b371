"""The key is sent to the provider, and is nowhere else: it is planted, and looked for."""

import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from chat_cases import ADDRESSES, GOOD, KEY, LAB, PRICES, PROVIDERS, answer, block

from novum.errors import ResearcherError
from novum.researchers.chat.models import Model
from novum.testing.models import Answer, ModelServer, fail, refuse, say

every_provider = pytest.mark.parametrize("provider", PROVIDERS)


@every_provider
@pytest.mark.parametrize(
    "script",
    [
        [fail(401, f"Incorrect API key provided: {KEY}")],
        [fail(500, f"the key {KEY} made me stumble"), say(GOOD)],
        [Answer(f"Your key is {KEY}.", broken="error"), say(GOOD)],
        [refuse(f"I saw {KEY}.")] * 3,
        [say(f"I saw {KEY}.")] * 3,
        [say(answer(block("LR = 0.1", f"LR = '{KEY}'"), title=f"Use {KEY}"))],
    ],
)
def test_a_provider_that_repeats_the_key_tells_it_to_nobody(bench, provider, script):
    made = bench(script, provider)
    told = []
    try:
        told.append(made.propose())
    except ResearcherError as error:
        told += [error, error.__cause__, error.__context__]
    headers = made.server.requests[0].headers
    assert KEY in str(headers), "it was sent"
    assert KEY not in made.server.requests[0].path, "but not in the address"
    assert KEY not in str(made.server.requests[0].body)
    assert KEY not in repr([told, made.kept, made.notices, made.spent])
    assert KEY not in repr(made.chat._models)


TRAIN = "import sys\n\nX = 5.0\nprint(f'METRIC v={X}')\n"
CAMPAIGN = LAB.replace(', "model.py"', "").replace("seconds = 3", "seconds = 20")


def everything_below(directory: Path) -> str:
    """All that is written in a directory, unpacked where it is packed."""
    told = []
    for path in directory.rglob("*"):
        if not path.is_file():
            continue
        data = path.read_bytes()
        told.append(data.decode("latin-1"))
        if ".git/objects" in str(path) and "pack" not in str(path):
            told.append(zlib.decompress(data).decode("latin-1"))
    with sqlite3.connect(directory / ".novum" / "ledger.db") as db:
        for (blob,) in db.execute("SELECT transcript FROM consultation WHERE transcript NOT NULL"):
            told.append(zlib.decompress(blob).decode())
    db.close()
    return "\n".join(told)


def novum(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(__file__).parents[3] / "src")
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(cwd.parent)}
    return subprocess.run(
        [sys.executable, "-m", "novum", *words],
        cwd=cwd,
        env={**path, "PYTHONPATH": source, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
@every_provider
def test_a_campaign_from_the_command_line_judges_what_a_model_proposes(bed, provider):
    def model(request):
        asked = len(server.requests)
        if asked == 1:
            return fail(429, f"slow down, {KEY}", retry_after=0.05)
        if asked == 2:
            return say(f"My key is {KEY}; let us see.")
        at_first = "\nX = 5.0\n" in request.text  # as the file is shown, not in a diff
        search, new = ("X = 5.0", "X = 4.0") if at_first else ("X = 4.0", "X = 3.0")
        return say(answer(block(search, new), title=f"From {search} to {new}"))

    models = f'[chat]\nmodels = ["{provider}/m"]\n'
    bed.write({"train.py": TRAIN})
    bed.toml(
        CAMPAIGN.replace('use = "chat"', 'use = "novum.researchers.chat:Chat"') + models + PRICES
    )
    variable, path = ADDRESSES[provider]
    with ModelServer(model, key=KEY) as server:
        keys = {variable: server.url + path, f"{provider.upper()}_API_KEY": KEY}
        done = novum("run", ".", "--tag", "t", "--experiments", "2", cwd=bed.path, **keys)
        assert done.returncode == 0, done.stdout + done.stderr
        log = novum("log", ".", cwd=bed.path)
    assert [line.split()[1] for line in log.stdout.splitlines()[1:]] == ["keep"] * 3
    assert "From X = 5.0 to X = 4.0" in log.stdout
    assert all(KEY in str(request.headers) for request in server.requests)
    told = everything_below(bed.path) + done.stdout + done.stderr + log.stdout
    assert "My key is (the key)" in told, "the transcript was looked at"
    assert KEY not in told


@pytest.mark.slow
def test_a_wrong_key_pauses_the_campaign_with_what_to_do(bed):
    bed.write({"train.py": TRAIN})
    use = CAMPAIGN.replace('use = "chat"', 'use = "novum.researchers.chat:Chat"')
    bed.toml(use + '[chat]\nmodels = ["openai/m"]\n' + PRICES)
    with ModelServer([], key="another") as server:
        keys = {"OPENAI_BASE_URL": server.url + "/v1", "OPENAI_API_KEY": KEY}
        done = novum("run", ".", "--tag", "t", "--experiments", "1", cwd=bed.path, **keys)
    told = done.stdout + done.stderr
    assert done.returncode == 1 and "OPENAI_API_KEY; set a valid one" in told
    assert "Traceback" not in told and KEY not in told + everything_below(bed.path)
    assert "set a valid one" in novum("status", ".", cwd=bed.path).stdout
    assert "set a valid one" in (bed.path / "report" / "t" / "report.md").read_text()
    with ModelServer([say(answer(block("X = 5.0", "X = 4.0")))], key=KEY) as server:
        keys["OPENAI_BASE_URL"] = server.url + "/v1"
        assert novum("resume", ".", cwd=bed.path, **keys).returncode == 0
    assert "paused" not in novum("status", ".", cwd=bed.path).stdout


@pytest.mark.parametrize("key", ["x", "none", "EMPTY", "lm-studio"])
def test_a_key_that_is_no_secret_takes_nothing_out_of_an_answer(key):
    model = Model("local/q", "local", "http://127.0.0.1", "openai", None, "LOCAL_KEY", key)
    assert model.scrubbed(f"x = {key}") == f"x = {key}"


def test_without_a_key_nothing_begins(bed):
    bed.toml(CAMPAIGN.replace('use = "chat"', 'use = "novum.researchers.chat:Chat"'))
    done = novum("run", ".", "--tag", "t", cwd=bed.path)
    assert done.returncode == 2 and "chat needs a model" in done.stdout + done.stderr
