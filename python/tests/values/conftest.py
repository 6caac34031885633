"""Values are read and written by one code for both modules: these tests call one of them."""

from __future__ import annotations

from types import ModuleType

import pytest

from clip_saver_db import database


@pytest.fixture
def face() -> ModuleType:
    """The module with the functions, not opened."""
    return database
