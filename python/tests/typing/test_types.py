"""The package's types, as mypy and pyright read them: of the package, the tests, and a program of each generation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2]
PYTHON = sys.executable

CHECKS = {
    "mypy": ["-m", "mypy", "--strict", "lib", "tests", "examples"],
    "pyright": ["-m", "pyright", "--pythonpath", PYTHON],
    "stubtest": ["-m", "mypy.stubtest", "clip_saver_db._native", "--allowlist", "tests/typing/stubtest_allowlist.txt"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_types_are_right(check: str) -> None:
    done = subprocess.run([PYTHON, *CHECKS[check]], cwd=PACKAGE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
