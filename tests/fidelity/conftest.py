"""A module with a table `FORMS` has each test of `support.form_checks` for each form in it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("support.form_checks")

from support.forms import Form, in_fresh_processes  # noqa: E402


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "form" in metafunc.fixturenames:
        metafunc.parametrize("form", metafunc.module.FORMS, ids=_id)


def _id(form: Form) -> str:
    return form.name.replace(" ", "_")


@pytest.fixture(scope="module")
def fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> object:
    """What each form's checks give in a process that loads what another one saved."""
    directory: Path = tmp_path_factory.mktemp("fresh") / ".pod"
    return in_fresh_processes(request.module.FORMS, directory)
