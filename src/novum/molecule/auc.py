"""How quickly a search finds good molecules: the area under the curve of its top ten.

PMO's metric (Gao et al. 2022, arXiv 2206.12411, section 3.2; `top_auc` of github.com/wenhao-gao/
mol_opt, main/optimizer.py): the mean of the best ten values found so far, against the number of
calls, integrated by trapezoids between every hundredth call, and divided by the budget.

In one thing we differ: of a search that ends before its tenth call, PMO takes the mean of the few
there are, so one molecule known by heart would be a perfect search. Here what is missing is 0.
"""

import heapq
from collections.abc import Sequence

TOP = 10
EVERY = 100  # calls between two points of the curve


def curve(values: Sequence[float], top: int = TOP, every: int = EVERY) -> list[tuple[int, float]]:
    """The mean of the `top` best values after every `every`-th call, and after the last.

    `values` are those of different molecules, in the order of the calls; higher is better.
    """
    best: list[float] = []
    points = []
    for calls, value in enumerate(values, start=1):
        if len(best) < top:
            heapq.heappush(best, value)
        else:
            heapq.heappushpop(best, value)
        if calls % every == 0 or calls == len(values):
            points.append((calls, sum(best) / top))
    return points


def top_auc(values: Sequence[float], budget: int, top: int = TOP, every: int = EVERY) -> float:
    """The area under `curve`, as a share of a perfect search's: between 0 and 1 if values are.

    Calls beyond the budget count for nothing. A search that ended before its budget keeps its last
    mean to the end, as in PMO when a search has finished; one without a call has no area.

    Raises:
        ValueError: if the budget is not positive.
    """
    if budget < 1:
        raise ValueError(f"a budget of {budget} calls; at least one is needed")
    area, calls, height = 0.0, 0, 0.0
    for reached, mean in curve(values[:budget], top, every):
        area += (reached - calls) * (height + mean) / 2
        calls, height = reached, mean
    return (area + (budget - calls) * height) / budget
