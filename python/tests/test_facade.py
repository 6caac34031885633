"""Every function of the Rust facade is in both modules, on a transaction, and in their `__all__`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

from clip_saver_db._functions import Functions, Psycopg3Functions, TortoiseFunctions

REPOSITORIES = Path(__file__).parents[2] / "src" / "repositories"

SPLIT = {"cancel_scans": {"cancel_scans_of_guild", "cancel_scans_of_channels"}}
"""Functions whose argument is one of several kinds in Rust, and the functions that stand for them."""


def names(functions: type[Functions]) -> set[str]:
    return {name for name, _ in inspect.getmembers(functions, inspect.iscoroutinefunction)}


def of_rust() -> set[str]:
    texts = [path.read_text() for path in REPOSITORIES.glob("*.rs")]
    found = {name for text in texts for name in re.findall(r"^pub async fn (\w+)", text, re.MULTILINE)}
    assert len(found) > 60
    return found.difference(SPLIT).union(*SPLIT.values())


def test_both_generations_have_the_functions_of_rust() -> None:
    assert names(Psycopg3Functions) == names(TortoiseFunctions) == of_rust()


def test_a_module_offers_all_of_them(face: ModuleType) -> None:
    missing = {name for name in of_rust() if name not in face.__all__ or not hasattr(face, name)}
    assert not missing
