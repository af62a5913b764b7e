"""The library matrix: what becomes of the values that data scientists' libraries make.

Each case says what is expected of it, so that a test fails when it gets worse, or better. Run by
`make test-libraries`; the libraries are in the extra `libraries`.
"""

from __future__ import annotations

from pathlib import Path

import pod
import pytest

from libraries import drive, table
from libraries.case import LOADING, ONCE, READING, RESTART, UNTOUCHED, Case
from libraries.matrix import CASES, FIELD_OF, LIBRARIES

BY_LIBRARY = {name: [case for case in CASES if case.library == name] for name in LIBRARIES}


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.id, marks=pytest.mark.xdist_group(case.library)) for case in CASES],
)
@pytest.mark.filterwarnings("ignore")
def test_case(case: Case, tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod") as store:
        observed = drive.observe(case, store)
    assert case.opaque in observed.opaque, observed.opaque
    assert bool(case.opaque) == bool(observed.opaque), observed.opaque
    resaved = tuple(when for when in observed.resaved if when != LOADING or not case.unordered)
    assert resaved == case.expected(UNTOUCHED, ONCE, READING, LOADING)


@pytest.mark.parametrize(
    "library",
    [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in LIBRARIES],
)
@pytest.mark.filterwarnings("ignore")
def test_in_another_process(library: str, tmp_path: Path) -> None:
    cases = BY_LIBRARY[library]
    drive.save_all(cases, tmp_path / ".pod")
    found = drive.in_another_process(library, FIELD_OF[library], tmp_path / ".pod")
    for case in cases:
        again = [RESTART] if case.expected(UNTOUCHED, LOADING, RESTART) else []
        if case.unordered:
            assert set(found[case.id]) <= {RESTART}
        else:
            assert found[case.id] == again, case.id


def test_the_page_says_what_the_cases_expect() -> None:
    """Run `make libraries-page` when this fails."""
    committed = table.PAGE.read_text()
    assert table.without_versions(committed) == table.without_versions(table.page())
