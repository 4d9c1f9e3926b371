"""What a turn cost, where the agent tells tokens and no money."""

from dataclasses import replace

from novum.lab import Lab
from novum.records import Usage
from novum.researchers.agent.presets import Preset
from novum.researchers.chat import prices


def priced(usage: Usage, lab: Lab, preset: Preset) -> Usage:
    """The usage with its money, if the model is chosen and its price is known.

    The rates are those of short requests: how long each request was is not told.
    """
    model = lab.agent.model
    if not usage.unpriced or not usage.tokens or not model:
        return usage
    name = model if "/" in model else f"{preset.provider}/{model}"
    stated = lab.chat.prices.get(name)
    price = prices.known(name) if stated is None else prices.stated(stated)
    if price is None:
        return usage
    tokens = prices.Tokens(usage.input_tokens, usage.cached_tokens, output=usage.output_tokens)
    return replace(usage, usd=usage.usd + price.cost(tokens), unpriced=0)
