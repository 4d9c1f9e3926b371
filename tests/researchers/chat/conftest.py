"""Benches with a scripted model, of any protocol."""

from collections.abc import Callable
from pathlib import Path

import pytest
from chat_cases import ADDRESSES, KEY, LAB, PRICES, Bench

from novum.lab import parse_lab
from novum.researchers import Desk
from novum.researchers.chat import Chat
from novum.researchers.chat.models import models_for
from novum.researchers.chat.waits import Waits
from novum.testing.models import ModelServer, Script


@pytest.fixture
def bench(request) -> Callable[..., Bench]:
    """Makes a bench: a script, and the provider whose protocol is spoken."""

    def make(
        script: Script, provider: str = "openai", *, lab: str = LAB + PRICES, name="m", **purse
    ) -> Bench:
        server = ModelServer(script, key=KEY)
        request.addfinalizer(lambda: server.__exit__(None))
        variable, path = ADDRESSES[provider]
        environment = {variable: server.url + path, f"{provider.upper()}_API_KEY": KEY}
        parsed = parse_lab(lab)
        models = models_for(parsed, f"{provider}/{name}", environment)
        made = Bench(server, Chat(parsed, models, Waits(0.01, 0.05)), Desk(**purse))
        made.desk.on_spend = made.spent.append
        made.desk.notice = made.notices.append
        made.desk.keep = lambda what, text: made.kept.append((what, text))
        return made

    return make


@pytest.fixture
def lab_directory(tmp_path) -> Path:
    (tmp_path / "lab.toml").write_text(LAB)
    return tmp_path
