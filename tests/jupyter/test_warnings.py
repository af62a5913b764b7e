"""What a cell warns of is shown as it would be without Pod."""

from __future__ import annotations

import re
from pathlib import Path

from support.kernels import Kernel, PodKernel

WARNS = """
import warnings
def tell():
    warnings.warn('told')
"""


def normal(text: str) -> str:
    """Without what differs between kernels: their processes and directories."""
    return re.sub(r"^/\S+/(ipykernel_\d+/)?", "", text, flags=re.MULTILINE)


def test_a_cell_shows_a_warning_as_often_as_without_pod(own: PodKernel, tmp_path: Path) -> None:
    """Those that are shown once, those about its text, and those of what Pod does."""
    cells = [
        "import warns, pandas as pd",
        "warns.tell()",
        "warns.tell()",
        "class A: 'takes a look at the text'\npattern = '\\d'",
        "%time pattern = '\\d'",
        "len(pattern), '\\d'",
        "df = pd.DataFrame({'a': [1.5] * 3, 'b': list('xyz')})",
        "df['a'] += 1\nseries = df['b'].astype('category')",
        "warns.tell()",
        "warnings.simplefilter('always'); import itertools; many = [{} for _ in range(100_000)]",
        "count = itertools.count(); many[0][0] = 1",
        "warns.tell()",
        "warnings.simplefilter('error')",
        "many.append('\\\\d'); other = itertools.count(3)",
    ]
    said = []
    with Kernel(tmp_path) as plain:
        for kernel in (plain, own):
            (kernel.cwd / "warns.py").write_text(WARNS)
            kernel.run("import warnings; warnings.simplefilter('default')")
            ran = [kernel.run(code) for code in cells]
            said.append([normal(one.stderr) for one in ran])
            assert not any(one.error for one in ran)
    assert said[0] == said[1]
    assert ["told" in text for text in said[1][:7]] == [False, True, *[False] * 5]
