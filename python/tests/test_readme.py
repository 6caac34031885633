"""The README shows what the code and the results say."""

from __future__ import annotations

import reference


def test_the_readme_has_the_figures_and_the_functions() -> None:
    readme = reference.README.read_text()
    assert readme == reference.with_reference(readme), "run: python tests/reference.py"
