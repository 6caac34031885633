"""Writes the figures of bench/RESULTS.md and the functions' reference, from their signatures and docstrings, into README.md:
`python tests/reference.py`.

A test compares what this makes with README.md. It needs the package to be installed.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from clip_saver_db import repositories
from clip_saver_db._functions import Psycopg3Functions

README = Path(__file__).parents[1] / "README.md"

RESULTS = README.parent / "bench" / "RESULTS.md"

FIGURES, END_OF_FIGURES, FUNCTIONS = "<!-- figures -->\n", "<!-- end of figures -->\n", "<!-- functions -->\n"


def reference() -> str:
    """The functions, in the order in which they stand in the code."""
    names = [name for name in vars(repositories) if inspect.iscoroutinefunction(getattr(repositories, name))]
    names += [name for name in ("transaction", "hold_scan", "scan_wakeups") if name not in names]
    return "".join(f"\n- `{signature(name)}`\n  {documentation(name)}\n" for name in names)


def signature(name: str) -> str:
    """A call, as the Tortoise generation has it."""
    function = getattr(repositories, name)
    text = str(inspect.signature(function)).replace("typing.", "").replace("collections.abc.", "")
    text = re.sub(r"'(\w[^']*)'", r"\1", text)
    return f"{name}{text}".replace("_native.", "").replace("clip_saver_db.types.", "")


def documentation(name: str) -> str:
    """Its docstring on indented lines, and what the psycopg3 generation does otherwise."""
    text = inspect.getdoc(getattr(repositories, name)) or ""
    other = getattr(Psycopg3Functions, name, None)
    if other is not None and inspect.getdoc(other) not in (None, text):
        text += f"\n\nIn `database`: {inspect.getdoc(other)}"
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines()).strip()


def figures() -> str:
    """The columns of RESULTS.md that a reader asks for first."""
    results = RESULTS.read_text()
    (day,) = re.findall(r"do not edit\. (\S+) ", results)
    rows = ["| | psycopg3 code as it was | Tortoise code as it was | an expert's asyncpg | the same on uvloop |", "|---" * 5 + "|"]
    for on_asyncio, on_uvloop in zip(table(results, "asyncio, idle"), table(results, "uvloop, idle"), strict=True):
        rows.append(f"| {' | '.join(on_asyncio[:4])} | {on_uvloop[3]} |")
    return f"""
How many times as fast as the old code, and the share of its client CPU time; against asyncpg: time and client CPU divided by
theirs, so that below 1.00 ours is faster. `./dev python bench` on {day}; [bench/RESULTS.md](bench/RESULTS.md) has psycopg 3 and
SQLAlchemy by an expert, too, and says which aims were missed.

""" + "\n".join(rows) + "\n\n"


def table(results: str, part: str) -> list[list[str]]:
    """The cells of the table of a part."""
    lines = results.split(f"\n## {part}\n", 1)[1].split("\n## ")[0].strip().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def with_reference(readme: str) -> str:
    """README.md with the figures between their marks, and the reference behind its mark."""
    before, rest = readme.split(FIGURES)
    after = rest.split(END_OF_FIGURES)[1].split(FUNCTIONS)[0]
    return before + FIGURES + figures() + END_OF_FIGURES + after + FUNCTIONS + reference()


if __name__ == "__main__":
    README.write_text(with_reference(README.read_text()))
