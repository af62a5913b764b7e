"""Figures that `matplotlib.pyplot` keeps. Loading one opens it there, and makes it the current one;
that is taken back until a checkout is complete, and for good where nothing live is to change."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any


class OpenFigures:
    """Which figures are open before something is loaded."""

    def __init__(self) -> None:
        self._before = dict(_figures())

    def take_back(self) -> list[Any]:
        """Leave only those open, in their order; gives the managers of those opened since."""
        figures = _figures()
        opened = [each for number, each in figures.items() if self._before.get(number) is not each]
        if opened:
            figures.clear()
            figures.update(self._before)
        return opened


def open_again(managers: Iterable[Any]) -> None:
    """Let `pyplot` keep the figures of these managers; the last one is the current one then."""
    figures = _figures()
    for manager in managers:
        manager.num = max((manager.num - 1, *figures)) + 1
        figures[manager.num] = manager


def _figures() -> dict[int, Any]:
    """Managers by number, the current one last; an empty dictionary without matplotlib."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    return {} if helpers is None else helpers.Gcf.figs
