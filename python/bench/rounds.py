"""Rounds in which the sides take turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time

from operations import Operation
from sides import Side

ROUNDS = 15
TURN = 0.03
"""Seconds that a turn takes, about: a side repeats what is quicker."""
SLOW = 0.15
"""Who needs more seconds for one call takes part in each fifth round only."""


@dataclass(frozen=True)
class Cost:
    """Seconds a call: of the clock, and of this process's processors."""

    wall: float
    cpu: float


Costs = dict[str, list[Cost | None]]
"""A side's cost in each round; `None` where it did not take part."""


async def measure(operation: Operation, sides: Sequence[Side]) -> Costs:
    sides = [side for side in sides if side.writes_settings or not operation.needs_settings]
    times = {side.name: await _times(operation, side) for side in sides}
    costs: Costs = {side.name: [] for side in sides}
    for number in range(ROUNDS):
        first = number % len(sides)
        for side in [*sides[first:], *sides[:first]]:
            is_absent = times[side.name] == 0 and number % 5 != 0
            costs[side.name].append(None if is_absent else await _turn(operation, side, times[side.name] or 1))
    return costs


async def _times(operation: Operation, side: Side) -> int:
    """How often a side repeats the operation in a turn; 0 if it is slow."""
    await operation.run(side, 1)
    once = await _turn(operation, side, 1)
    if once.wall > SLOW:
        return 0
    several = max(1, int(TURN / 3 / once.wall))
    return max(1, int(TURN / (await _turn(operation, side, several)).wall))


async def _turn(operation: Operation, side: Side, times: int) -> Cost:
    wall, cpu = perf_counter(), process_time()
    await operation.run(side, times)
    cost = Cost((perf_counter() - wall) / times, (process_time() - cpu) / times)
    await side.rest()
    return cost


def ratio(ours: list[Cost | None], theirs: list[Cost | None]) -> Cost:
    """Ours divided by theirs: the medians of the rounds in which both took part."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a and b]
    return Cost(median(a.wall / b.wall for a, b in pairs), median(a.cpu / b.cpu for a, b in pairs))


def typical(costs: list[Cost | None]) -> Cost:
    known = [cost for cost in costs if cost]
    return Cost(median(cost.wall for cost in known), median(cost.cpu for cost in known))
