"""The README shows what the code says."""

from __future__ import annotations

import reference


def test_the_reference_in_the_readme_is_that_of_the_code() -> None:
    readme = reference.README.read_text()
    assert readme == reference.with_reference(readme), "run: python tests/reference.py"
