"""Which models are asked: `provider/model`, where it is, its key, its price."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from novum.errors import UsageError
from novum.lab import Lab
from novum.researchers.chat import prices
from novum.researchers.chat.prices import FREE, Price

RESEARCHER = "chat"
SECRET = 12  # characters that a key has if it is a secret: "x", "none" or "EMPTY" are none


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be asked. The key is in no text that this makes of itself."""

    name: str  # provider/model
    provider: str
    url: str
    protocol: str
    price: Price | None
    variable: str = ""  # the environment variable that holds the key
    key: str = field(default="", repr=False)

    @property
    def model(self) -> str:
        """Its name at its provider."""
        return self.name.partition("/")[2]

    @property
    def researcher(self) -> str:
        """Its name among researchers."""
        return f"{RESEARCHER}:{self.name}"

    @property
    def host(self) -> str:
        """Where it is, for messages."""
        parts = urlsplit(self.url)
        return parts.hostname + (f":{parts.port}" if parts.port else "") if parts.hostname else ""

    def scrubbed(self, text: str) -> str:
        """A text of the provider's without the key, should it repeat it."""
        return text.replace(self.key, "(the key)") if len(self.key) >= SECRET else text


def models_for(lab: Lab, choice: str, environment: Mapping[str, str] | None = None) -> list[Model]:
    """The models of a choice (`a/b+c/d`), or else of `[chat] models`.

    Raises:
        UsageError: if there is none, or one has no provider, no key, or no bound on its cost.
    """
    names = [name.strip() for name in choice.split("+")] if choice.strip() else lab.chat.models
    if not names:
        raise UsageError(
            "chat needs a model: --researcher chat:anthropic/claude-sonnet-5-5, or "
            'models = ["openai/…"] below [chat] in lab.toml'
        )
    providers = _providers(lab)
    environment = os.environ if environment is None else environment
    return [_model(name, lab, providers, environment) for name in dict.fromkeys(names)]


def _providers(lab: Lab) -> dict[str, dict[str, Any]]:
    text = files("novum.researchers.chat").joinpath("providers.toml").read_text(encoding="utf-8")
    own = {name: provider.model_dump() for name, provider in lab.chat.providers.items()}
    return tomllib.loads(text) | own


def _model(
    name: str,
    lab: Lab,
    providers: Mapping[str, dict[str, Any]],
    environment: Mapping[str, str],
) -> Model:
    provider, _, model = name.partition("/")
    if not provider or not model:
        raise UsageError(f"`{name}` is no model: write provider/model, such as openai/gpt-5.4-mini")
    found = providers.get(provider)
    if found is None:
        known = ", ".join(sorted(providers))
        raise UsageError(
            f"`{name}`: no provider is called {provider}; known: {known}; "
            f"another one is a table [chat.providers.{provider}] in lab.toml, with its url"
        )
    variable = found.get("key") or ""
    key = environment.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise UsageError(f"{name} needs a key: set {variable} in the environment")
    url = environment.get(found.get("url_from") or "", "") or found["url"]
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise UsageError(f"{name}: {url!r} is no address; it must begin with http:// or https://")
    price = _price(name, lab, has_key=bool(key))
    return Model(name, provider, url.rstrip("/"), found["protocol"], price, variable, key)


def _price(name: str, lab: Lab, *, has_key: bool) -> Price | None:
    """The price; None where it is unknown, but tokens are bounded."""
    if name in lab.chat.prices:
        return prices.stated(lab.chat.prices[name])
    price = prices.known(name) or (None if has_key else FREE)
    if price is None and lab.researcher.max_tokens is None:
        raise UsageError(
            f"the price of {name} is not known, so max_cost_usd cannot bound what it costs: give "
            f'[chat.prices."{name}"] (input, output) in lab.toml, or bound [researcher] max_tokens'
        )
    return price
