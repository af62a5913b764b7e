"""`%pod_diff`: what changed, in the terms of each variable's type, and the code that ran."""

from __future__ import annotations

import json

import pytest
from support.kernels import PodKernel


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("x = 3", "x = 4.5", ["3 → 4.5"]),
        ("x = 'some text'", "x = 'same text'", ["'some text' → 'same text'"]),
        ("x = 'one\\ntwo\\nthree'", "x = 'one\\n2\\nthree'", ["- two", "+ 2"]),
        ("x = {'a': 1, 'b': {'c': [1, 2]}}", "x['b']['c'].append(3)\nx['d'] = 5",
         ["['b']", "['c']", "['d']", "5"]),
        ("x = {1, 2}", "x.add(3)", ["+ 3"]),
        ("def x(a):\n    return a + 1", "def x(a):\n    return a + 2",
         ["-     return a + 1", "+     return a + 2"]),
        ("class x:\n    limit = 1", "class x:\n    limit = 2", [".limit: 1 → 2"]),
        ("import numpy as np\nx = np.zeros(5)", "x[2] = 7", ["1 of 5", "7"]),
        ("import numpy as np\nx = np.zeros(5)", "x = np.zeros((5, 2))", ["shape: 5 → 5 "]),
        ("import pandas as pd\nx = pd.DataFrame({'a': [1, 2], 'b': ['u', 'v']})",
         "x.loc[1, 'a'] = 9\nx['c'] = 0.5",
         ["1 column added, 1 cell changed", "+ ['c']: float64", "[1]: 2 → 9"]),
        ("import pandas as pd\nx = pd.Series([1, 2, 3])", "x = x.astype(float)",
         ["int64 → float64"]),
        ("from sklearn.linear_model import Ridge\nx = Ridge(alpha=1.0)",
         "x.set_params(alpha=3.0).fit([[0.], [1.]], [0., 2.])", ["alpha", "1.0 → 3.0", "coef_"]),
        ("class C: pass\nx = C()\nx.level = 1", "x.level = 2", ["level", "1 → 2"]),
    ],
    ids=lambda text: text if isinstance(text, str) else "",
)  # fmt: skip
def test_a_change_is_told_in_the_terms_of_the_type(
    pod: PodKernel, before: str, after: str, shown: list[str]
) -> None:
    pod.cell(before)
    pod.cell(after)
    ran = pod.run("%pod_diff HEAD~1 HEAD x")
    assert ran.error == ""
    assert "~ x:" in ran.text
    for each in shown:
        assert each in ran.text
    assert "x</b>" in ran.html
    assert "<script" not in ran.html


def test_without_arguments_it_is_what_the_last_cell_did(pod: PodKernel) -> None:
    pod.cell("kept = 1\ngone = [1]\nchanged = [1]")
    t = pod.cell("del gone\nchanged.append(2)\nmade = 5")
    text = pod.run("%pod_diff").text
    assert text.splitlines() == [
        f"time {t - 1} → {t}: 1 added, 1 changed, 1 removed",
        "~ changed: 1 → 2 items, 1 added",
        "    + [1]: 2",
        "- gone: list 1 item",
        "+ made: int 5",
        f"code that ran on the way to {t}:",
        f"  [{t}] del gone",
        f"  {' ' * len(str(t))}   changed.append(2)",
        f"  {' ' * len(str(t))}   made = 5",
    ]


def test_one_reference_is_compared_with_head_and_names_narrow_it(pod: PodKernel) -> None:
    t = pod.cell("a = 1\nb = 1")
    pod.cell("a = 2")
    pod.cell("b = 2")
    text = pod.run(f"%pod_diff {t} a").text
    assert "~ a: 1 → 2" in text
    assert "~ b" not in text
    assert "a = 2" in text
    assert "b = 2" in text
    assert pod.run("%pod_diff b").text.splitlines()[1].startswith("~ b: 1 → 2")


def test_between_branches_the_code_of_both_is_shown(pod: PodKernel) -> None:
    t = pod.cell("x = 1")
    left = pod.cell("x = 2")
    pod.checkout(t)
    right = pod.cell("x = 3")
    text = pod.run(f"%pod_diff {left} {right}").text
    assert f"code that ran only on the way to {left}:" in text
    assert f"code that ran only on the way to {right}:" in text


def test_json_is_for_programs(pod: PodKernel) -> None:
    pod.cell("x = 1")
    t = pod.cell("x = 2\ny = 3")
    found = json.loads(pod.run("%pod_diff --json").stdout)
    assert (found["a"], found["b"]) == (t - 1, t)
    assert [(each["name"], each["status"]) for each in found["variables"]] == [
        ("x", "changed"),
        ("y", "added"),
    ]


def test_a_diff_alters_nothing_live(pod: PodKernel) -> None:
    pod.cell("class C:\n    level = 1\nc = C()\nx = [1]")
    pod.cell("C.level = 2\nx.append(c)")
    pod.run("before = id(C), id(c), id(x)")
    ran = pod.run("%pod_diff 1")
    assert ran.error == ""
    pod.run("%pod_diff HEAD~2 HEAD")
    assert pod.value("(id(C), id(c), id(x)) == before, C.level, c.level, x[0], x[1] is c") == (
        True, 2, 2, 1, True,
    )  # fmt: skip
    pod.cell("pass")
    assert pod.head["changed"] == []


def test_the_same_time_twice_does_not_differ(pod: PodKernel) -> None:
    pod.cell("x = [1]")
    assert pod.run("%pod_diff HEAD HEAD").text.endswith("no variable differs")
