"""What tests import: types and functions that several of them use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Sql = Callable[..., list[dict[str, Any]]]
"""Runs a statement of psycopg's with its parameters, and returns its rows."""
