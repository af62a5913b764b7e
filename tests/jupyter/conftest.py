"""Kernels for the tests of the extension: one for a module where its tests can share it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernels import PodKernel


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodKernel]:
    """One kernel for all tests of a module."""
    with PodKernel(tmp_path_factory.mktemp("shared")) as kernel:
        yield kernel


@pytest.fixture
def pod(shared: PodKernel) -> PodKernel:
    """The module's kernel, on a new branch from its first time: nothing is defined."""
    shared.checkout(1)
    return shared


@pytest.fixture
def own(tmp_path: Path) -> Iterator[PodKernel]:
    """A kernel and a pod directory that belong to one test."""
    directory = tmp_path / "work"
    directory.mkdir()
    with PodKernel(directory) as kernel:
        yield kernel
