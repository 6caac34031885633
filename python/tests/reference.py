"""Writes the functions' reference into README.md, from their signatures and docstrings: `python tests/reference.py`.

A test compares what this makes with README.md. It needs the package to be installed.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from clip_saver_db import repositories
from clip_saver_db._functions import Psycopg3Functions

README = Path(__file__).parents[1] / "README.md"

MARK = "<!-- functions -->\n"


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


def with_reference(readme: str) -> str:
    """README.md with the reference behind its mark."""
    return readme[: readme.index(MARK) + len(MARK)] + reference()


if __name__ == "__main__":
    README.write_text(with_reference(README.read_text()))
