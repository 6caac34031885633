"""The results as Markdown."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version

from operations import Operation
from rounds import Cost, Costs, ratio, typical
from sides import Side
from sides.asyncpg_expert import Asyncpg
from sides.ours import Ours
from sides.psycopg_before import PsycopgBefore
from sides.tortoise_before import TortoiseBefore

BEFORE = [PsycopgBefore.name, TortoiseBefore.name]

_TOP = """# Results of the Python package

Written by `./dev python bench`; do not edit. {when}, {machine}, Python {python}, PostgreSQL {server}, {libraries}.

One server, one process, one run: in each round every side does the same, one after the other. A cell is the median of the
rounds. The first two columns say how many times as fast ours is, and ours' share of their client CPU time; the others divide
ours by theirs, wall and client CPU: below 1.00 ours is faster. The sides store the same rows and read the same dictionaries,
settings parsed; this is checked first. They are:

- psycopg3 and Tortoise code as it was: the public programs' way, in our words (`sides/*_before.py`). A row a statement.
- asyncpg, psycopg 3, SQLAlchemy 2 Core: as an expert writes it. `unnest` (SQLAlchemy: its batches of parameters), prepared
  statements, a pool of 10, asyncpg's without its reset.

Targets are those of the first two columns / asyncpg's wall and CPU.
"""


@dataclass
class Part:
    """The results of one event loop under one load."""

    loop: str
    load: str
    costs: list[tuple[Operation, Costs]]
    overhead: Cost
    """Of a call that sends nothing."""


def report(parts: Sequence[Part], sides: Sequence[Side], imports: dict[str, float], size: str, server: str) -> str:
    others = [side.name for side in sides if side.name != Ours.name]
    text = _TOP.format(
        when=f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        machine=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        server=server,
        libraries=", ".join(
            f"{name} {version(name)}" for name in ("asyncpg", "psycopg", "tortoise-orm", "SQLAlchemy", "uvloop")
        ),
    )
    for part in parts:
        text += f"\n## {part.loop}, {part.load}\n\n" + _table(part, others)
    return text + _rest(parts, imports, size) + _absolute(parts)


def _table(part: Part, others: list[str]) -> str:
    lines = [f"| | {' | '.join(others)} | targets | met |", "|---" * (len(others) + 3) + "|"]
    for operation, costs in part.costs:
        ratios = {name: ratio(costs[Ours.name], costs[name]) for name in others if name in costs}
        cells = [_cell(name, ratios.get(name)) for name in others]
        lines.append(
            f"| {operation.name} | {' | '.join(cells)} | {_targets(operation, part.loop)} | "
            f"{_met(operation, part.loop, ratios)} |"
        )
    return "\n".join(lines) + "\n"


def _cell(name: str, ratio: Cost | None) -> str:
    if ratio is None:
        return ""
    wall = f"{1 / ratio.wall:.1f} ×" if name in BEFORE else f"{ratio.wall:.2f}"
    return f"{wall} / {ratio.cpu:.2f}"


def _expert(operation: Operation, loop: str) -> tuple[float | None, float | None]:
    targets = operation.targets
    if targets is None:
        return None, None
    if loop == "uvloop" and targets.expert_uvloop is not None:
        return targets.expert_uvloop, targets.expert_uvloop
    return targets.expert, targets.expert_cpu


def _targets(operation: Operation, loop: str) -> str:
    if operation.targets is None:
        return ""
    wall, cpu = _expert(operation, loop)
    before = f"≥ {operation.targets.before:g} ×"
    if operation.targets.before_cpu is not None:
        before += f", ≤ {operation.targets.before_cpu:.2f}"
    return f"{before} / ≤ {wall:.2f}" + (f", ≤ {cpu:.2f}" if cpu is not None else "")


def _met(operation: Operation, loop: str, ratios: dict[str, Cost]) -> str:
    targets = operation.targets
    if targets is None:
        return ""
    wall, cpu = _expert(operation, loop)
    missed = []
    for name in filter(ratios.__contains__, BEFORE):
        if 1 / ratios[name].wall < targets.before:
            missed.append(name.split()[0])
        if targets.before_cpu is not None and ratios[name].cpu > targets.before_cpu:
            missed.append(f"{name.split()[0]}'s CPU")
    expert = ratios.get(Asyncpg.name)
    if expert and wall is not None and expert.wall > wall:
        missed.append("asyncpg")
    if expert and cpu is not None and expert.cpu > cpu:
        missed.append("asyncpg's CPU")
    return f"**no**: {', '.join(missed)}" if missed else "yes"


def _rest(parts: Sequence[Part], imports: dict[str, float], size: str) -> str:
    overheads = ", ".join(f"{part.loop} {part.load} {part.overhead.wall * 1e6:.0f}" for part in parts)
    beside = ", ".join(f"{module} {taken:.0f}" for module, taken in imports.items() if module != "clip_saver_db")
    return f"""
## Beside the operations

| | measured | target |
|---|---|---|
| a call that the facade answers without the server, µs | {overheads} | ≤ 15 |
| import, ms in a fresh process | {imports["clip_saver_db"]:.0f} ({beside}) | ≤ 40 |
| size, MB | {size} | ≤ 3 |

What stands in the way where ours is not ahead:

- A call goes to the thread of the runtime and back, which the first row above measures; the others' calls stay on the event
  loop's thread. On Linux both threads run on one core while one call runs at a time: to wake a thread on another took 60 µs
  here.
- Most of a single call is the server's work and waking its process on the other core and being woken by it, for every side.
- The two columns of code as it was are psycopg with its C code (`psycopg[binary]`), whose `executemany` sends without waiting,
  and Tortoise on asyncpg. Whether the public programs had that C code is not known: in pure Python, psycopg takes 1.2 to
  2.2 times as long.
"""


def _absolute(parts: Sequence[Part]) -> str:
    """For who looks for a change: between machines these say nothing."""
    lines = ["", "Ours in µs of the clock / of the CPU, on this machine on this day; they mean nothing elsewhere:", ""]
    lines += [f"| | {' | '.join(f'{part.loop}, {part.load}' for part in parts)} |", "|---" * (len(parts) + 1) + "|"]
    for number, operation in enumerate(parts[0].costs):
        cells = [typical(part.costs[number][1][Ours.name]) for part in parts]
        figures = " | ".join(f"{cost.wall * 1e6:,.0f} / {cost.cpu * 1e6:,.0f}" for cost in cells)
        lines.append(f"| {operation[0].name} | {figures} |")
    return "\n".join(lines) + "\n"
