"""SEMANTICS.md cites the tests that hold its promises: every cited name must be a test of this folder."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / "runtime" / "SEMANTICS.md"


def names_of_tests_here() -> set[str]:
    return {
        node.name
        for path in HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_every_cited_test_exists():
    cited = set(re.findall(r"`(test_\w+)`", DOCUMENT.read_text()))
    assert cited - names_of_tests_here() == set()
    assert len(cited) > 40


def test_every_promise_cites_a_test():
    text = DOCUMENT.read_text().split("## Addresses and activations", 1)[1]
    promises = re.split(r"\n- |\n\| (?!what|---)", text)[1:]
    uncited = [
        promise for promise in promises if "`test_" not in promise and not promise.startswith("Everything that is")
    ]
    assert uncited == []
