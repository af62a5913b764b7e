"""Figures that `pyplot` keeps, and widgets: changes that go by no variable's name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.kernels import PodKernel

FIGURE = (
    "%matplotlib agg\nimport matplotlib.pyplot as plt, pandas as pd\n"
    "fig, ax = plt.subplots()\nother = plt.figure()\nplt.figure(fig.number)\n"
    "series = pd.Series([1, 2])\nnumbers = [1, 2]\nheld = {'axes': ax}"
)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodKernel]:
    with PodKernel(tmp_path_factory.mktemp("figures")) as opened:
        yield opened


@pytest.fixture
def pod(kernel: PodKernel) -> PodKernel:
    kernel.run("import matplotlib.pyplot as plt\nplt.close('all')")
    kernel.checkout(1)
    return kernel


@pytest.mark.parametrize(
    "draw", ["plt.plot([1, 2])", "series.plot()", "plt.plot([1, 2])\nplt.close('all')",
             "from matplotlib import pyplot\npyplot.title('title')", "draw()"],
)  # fmt: skip
def test_drawing_into_the_current_figure_is_seen(pod: PodKernel, draw: str) -> None:
    pod.cell(f"{FIGURE}\ndef draw(): plt.plot([1, 2])")
    pod.cell("numbers.append(3)")
    assert pod.head["changed"] == ["numbers"]
    pod.cell(draw)
    assert {"ax", "fig", "held"} <= set(pod.head["changed"])
    assert not {"numbers", "series"} & set(pod.head["changed"])


def test_loading_and_comparing_open_no_figures(pod: PodKernel) -> None:
    a = pod.cell(FIGURE)
    b = pod.cell("ax.plot([1, 2])")
    state = "[list(plt.get_fignums()), plt.gcf() is fig]"
    before = pod.value(state)
    assert before == [[1, 2], True]
    assert "fig" in pod.run(f"%pod_diff {a} {b}").text
    pod.run(f"import pod\nloaded = pod.open('.pod', create=False).load({a}, ['fig', 'ax'])")
    assert pod.value("len(loaded['ax'].lines), len(ax.lines)") == (0, 1)
    assert pod.value(state) == before


def test_a_checkout_opens_the_figures_that_were_open(pod: PodKernel) -> None:
    t = pod.cell(FIGURE)
    pod.cell("plt.close('all')\ndel fig, ax, held, other")
    assert pod.value("plt.get_fignums()") == []
    pod.checkout(t)
    assert pod.value("len(plt.get_fignums()), plt.figure(fig.number) is fig") == (2, True)


def test_after_a_checkout_too(pod: PodKernel) -> None:
    t = pod.cell(FIGURE)
    pod.cell("plt.plot([1, 2])")
    pod.checkout(t)
    pod.run("plt.figure(fig.number)\nlines = len(ax.lines)")
    pod.cell("plt.plot([3, 4])")
    assert pod.value("lines, len(ax.lines), plt.gcf() is fig") == (0, 1, True)
    assert "fig" in pod.head["changed"]


def test_a_widget_s_handler_that_holds_a_variable(pod: PodKernel) -> None:
    pod.cell(
        "import ipywidgets\nx = [1]\nbutton = ipywidgets.Button()\n"
        "button.on_click(lambda _, items=x: items.append(2))\nbox = {'button': button, 'rest': [1]}"
    )
    ran = pod.run("print(button.comm.comm_id)")
    pod.cell("pass")
    assert pod.head["changed"] == []
    content = {
        "comm_id": ran.stdout.split()[0],  # what Pod found out meanwhile may come after it
        "data": {"method": "custom", "content": {"event": "click"}},
    }
    pod.client.shell_channel.send(pod.client.session.msg("comm_msg", content))
    pod.cell("pass")
    assert pod.value("x") == [1, 2]
    assert {"button", "x"} <= set(pod.head["changed"])


def test_a_widget_is_a_placeholder_in_its_container(pod: PodKernel) -> None:
    ran = pod.run("import ipywidgets\nbox = {'button': ipywidgets.Button(), 'rest': [1]}")
    assert ran.error == ""
    t = pod.head["t"]
    pod.cell("del box")
    pod.checkout(t)
    assert pod.value("box['rest']") == [1]
    assert "OpaqueObjectError" in pod.run("box['button'].description").error
