"""A mistake of the native part is an exception of the call, and ends nothing else. Debug builds have two calls that panic."""

from __future__ import annotations

from types import ModuleType

import pytest

from clip_saver_db import _native
from clip_saver_db.errors import InternalError


@pytest.mark.parametrize("name", ["panic_on_the_runtime", "panic_in_the_conversion"])
async def test_a_panic_is_an_exception(db: ModuleType, name: str) -> None:
    panic = getattr(_native, name)
    for _ in range(3):
        with pytest.raises(InternalError, match="please report it: no (call|answer)") as raised:
            await panic()
        assert raised.value.function == "panic"
        assert await db.touch_guild(1) is False
