"""Numbers that a program reports: from a result file, or from what it printed. Pure.

Nothing that is not one finite number becomes a metric; that is an `InvalidMetricError`, and its
message is for the person.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping

from novum.records import LARGEST, Measurement, is_number
from novum.terminal import cut

ITEMS = "items"  # in a result: the scores and weights whose weighted mean is the metric
_MOST = 1000
_MOST_ITEMS = 100_000
_ROUNDING = 1e-3  # of the scores' size: how far the weighted mean may be from the metric
_LONGEST_NAME = 100
_NO_NUMBER = f"not a finite number up to {LARGEST:g}"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)"
_MARKED = re.compile(r"METRIC[ \t]+([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*(\S.*)", re.ASCII)
_PLAIN = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*):[ \t]*(\S.*)", re.ASCII)
_IS_NUMBER = re.compile(_NUMBER, re.ASCII | re.IGNORECASE)


class InvalidMetricError(ValueError):
    """The metric is missing, not finite, or ambiguous."""


def finite_numbers(values: Mapping[str, object]) -> dict[str, float]:
    """The finite numbers among some values; what is anything else is left out."""
    found: dict[str, float] = {}
    for name, value in values.items():
        number = _as_finite(value)
        if number is not None and len(name) <= _LONGEST_NAME and len(found) < _MOST:
            found[name] = number
    return found


def parse_result(text: bytes, name: str) -> Measurement:
    """Read an evaluator's result file: one JSON object, whose numbers are the metrics.

    Raises:
        InvalidMetricError: if it is no such thing, the metric is not in it, or it has `items`
            that are not what they should be.
    """
    try:
        data = json.loads(
            text.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_without_repeats
        )
    except InvalidMetricError:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidMetricError(f"the evaluator's result is not sound JSON: {error}") from None
    if not isinstance(data, dict):
        raise InvalidMetricError("the evaluator's result is not a JSON object")
    if name not in data:
        raise InvalidMetricError(f"the evaluator's result has no `{name}`")
    metric = _as_finite(data[name])
    if metric is None:
        raise InvalidMetricError(f"`{name}` is {_NO_NUMBER}: {str(data[name])[:60]}")
    items = _items(data[ITEMS], name, metric) if ITEMS in data else ()
    numbers = finite_numbers(data)
    others = {key: value for key, value in numbers.items() if key != name}
    return Measurement(metric, others, items=items)


def _items(value: object, name: str, metric: float) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_ITEMS:
        raise InvalidMetricError(
            f"`{ITEMS}` in the evaluator's result must be a list of 1 to {_MOST_ITEMS} pairs "
            "[score, weight]"
        )
    items = tuple(_item(pair, number) for number, pair in enumerate(value))
    total = sum(weight for _, weight in items)
    if not 0 < total < math.inf:
        raise InvalidMetricError(f"the weights of `{ITEMS}` must add up to more than 0")
    mean = sum(weight / total * score for score, weight in items)
    size = sum(weight / total * abs(score) for score, weight in items)
    if not abs(mean - metric) <= _ROUNDING * size:
        raise InvalidMetricError(
            f"the weighted mean of `{ITEMS}` is {mean:.6g}, but `{name}` is {metric:.6g}: leave "
            f"`{ITEMS}` out where the metric is not such a mean"
        )
    return items


def _item(pair: object, number: int) -> tuple[float, float]:
    if isinstance(pair, list) and len(pair) == 2:
        score, weight = _as_finite(pair[0]), _as_finite(pair[1])
        if score is not None and weight is not None and weight >= 0:
            return score, weight
    raise InvalidMetricError(
        f"item {number} in the evaluator's result must be [score, weight], finite, the weight "
        f"not below 0: {str(pair)[:60]}"
    )


def parse_output(output: bytes, name: str) -> Measurement:
    """Read what a program printed of itself: `METRIC name=value`, or else `name: value`.

    Raises:
        InvalidMetricError: if the metric is not there, not finite, or there with different values.
    """
    lines = output.decode("utf-8", errors="replace").splitlines()
    marked = _collect(_MARKED, lines)
    plain = _collect(_PLAIN, lines)
    printed = finite_numbers({key: _read(found[-1]) for key, found in (plain | marked).items()})
    values = marked.get(name) or plain.get(name)
    if not values:
        instead = f"; printed were: {cut(', '.join(printed), _LONGEST_NAME)}" if printed else ""
        raise InvalidMetricError(
            f"`{name}` was not printed: neither `METRIC {name}=…` nor `{name}: …`{instead}"
        )
    read = [(value, _read(value)) for value in values]
    numbers = {number for _, number in read if number is not None}
    for text, number in read:
        if number is None:
            raise InvalidMetricError(f"`{name}` is {_NO_NUMBER}: {text[:60]}")
    if len(numbers) > 1:
        raise InvalidMetricError(
            f"`{name}` was printed with different values: {', '.join(values)[:80]}"
        )
    printed.pop(name, None)
    return Measurement(numbers.pop(), printed, self_reported=True)


def _collect(pattern: re.Pattern[str], lines: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        if match := pattern.fullmatch(line):
            found.setdefault(match[1], []).append(match[2].strip())
    return found


def _read(text: str) -> float | None:
    return _as_finite(float(text)) if _IS_NUMBER.fullmatch(text) else None


def _as_finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if is_number(number) else None


def _refuse(token: str) -> float:
    raise InvalidMetricError(f"the evaluator's result holds {token}, which is not a finite number")


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    data: dict[str, object] = {}
    for name, value in pairs:
        if name in data and data[name] != value:
            raise InvalidMetricError(f"`{name}` is in the evaluator's result with different values")
        data[name] = value
    return data
