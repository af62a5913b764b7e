"""Everything the README shows is run, and every output in it compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernels import Kernel

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCK = re.compile(r"```(?P<kind>\w+)\n(?P<body>.*?)```", re.S)


def blocks() -> list[tuple[str, str]]:
    """Each cell of the README and the output printed under it, '' for none."""
    found: list[tuple[str, str]] = []
    for match in BLOCK.finditer(README):
        if match["kind"] == "python":
            found.append((match["body"].strip(), ""))
        elif match["kind"] == "text":
            found[-1] = (found[-1][0], match["body"])
    return found


def general(text: str) -> str:
    """Without what differs from run to run: durations and sizes, and the blanks that align them."""
    text = re.sub(r"[<\d.]+ (ms|s|min|kB|MB|B)\b", "N", text)
    text = re.sub(r"just now|N ago", "N ago", text)  # on a busy machine it is seconds ago
    return "\n".join(re.sub(r"\s+", " ", line).strip() for line in text.strip().splitlines())


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with Kernel(tmp_path_factory.mktemp("readme")) as started:
        yield started


def test_every_cell_runs_and_prints_what_is_shown(kernel: Kernel) -> None:
    for code, expected in blocks():
        ran = kernel.run(code)
        assert not ran.error, code
        assert general(str(ran)) == general(expected), code


def test_it_names_every_magic_and_every_option() -> None:
    from pod.jupyter.extension import PodExtension
    from pod.jupyter.magics import MAGICS

    for magic in MAGICS:
        assert f"`%{magic}" in README
    for option in PodExtension.class_traits(config=True):
        assert option == "config" or f"`{option}`" in README
