"""Plots and pictures."""

from __future__ import annotations

import io
import json
from typing import Any

import altair
import bokeh.models
import bokeh.plotting
import matplotlib as mpl
import matplotlib.animation
import matplotlib.figure
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
import seaborn as sns
import seaborn.objects as so
import skimage.filters
import skimage.measure
import skimage.transform
from PIL import Image, ImageDraw, ImageFont

from libraries.case import ORDER, RESTART, Case
from libraries.resaved import RESAVED
from libraries.same import by, equal, same_arrays

mpl.use("agg")


def case(library: str, name: str, make: Any, change: Any, same: Any = equal, **more: Any) -> Case:
    resaved, why = RESAVED.get(f"{library}: {name}", ((), ""))
    if "resaved" not in more:
        more |= {"resaved": resaved, "why": why}
    return Case(library=library, name=name, make=make, change=change, same=same, **more)


# --- matplotlib and seaborn


def frame() -> pd.DataFrame:
    return pd.DataFrame({"x": range(6), "y": [1, 4, 2, 5, 3, 6], "kind": list("aabbab")})


def drawn(figure: Any) -> bytes:
    """The figure as people see it."""
    kept = figure.canvas
    data = io.BytesIO()
    figure.savefig(data, format="raw", dpi=50)
    figure.set_canvas(kept)
    return data.getvalue()


def same_figures(a: Any, b: Any) -> None:
    assert drawn(a) == drawn(b)


def figure() -> Any:
    made, axes = plt.subplots(1, 2)
    axes[0].plot([1, 3, 2], label="line")
    axes[0].legend()
    axes[1].scatter([1, 2], [3, 4], c=[0.1, 0.9])
    axes[1].set_title("title")
    plt.close(made)
    return made


def plain_figure(draw: Any) -> Any:
    def make() -> Any:
        made = mpl.figure.Figure()
        draw(made.subplots())
        return made

    return make


KINDS = {
    "bar": lambda axes: axes.bar([1, 2], [3, 4]),
    "histogram": lambda axes: axes.hist([1, 2, 2, 3]),
    "image with a colour bar": lambda axes: axes.figure.colorbar(axes.imshow(np.eye(4))),
    "contour": lambda axes: axes.contourf(np.outer(range(4), range(4))),
    "box plot": lambda axes: axes.boxplot([[1, 2, 3], [2, 3, 9]]),
    "text, arrow, logarithmic scale": lambda axes: (axes.annotate("a", (1, 1), (2, 2), arrowprops={}), axes.set_yscale("log")),
    "dates": lambda axes: axes.plot(pd.date_range("2026", periods=3).to_numpy(), [1, 2, 3]),
}  # fmt: skip


def title(x: Any) -> None:
    x.axes[0].set_title("another title")


def lines(axes: Any) -> Any:
    return [line.get_xydata().tolist() for line in axes.lines], axes.get_title()


def grid() -> Any:
    made = sns.FacetGrid(frame(), col="kind")
    made.map(plt.plot, "x", "y")
    plt.close(made.figure)
    return made


def seaborn_axes(draw: Any) -> Any:
    def make() -> Any:
        made = mpl.figure.Figure()
        draw(ax=made.subplots())
        return made

    return make


def animation() -> Any:
    made = figure()
    return mpl.animation.FuncAnimation(made, print, frames=2, cache_frame_data=False)


# --- the others


def bokeh_figure() -> Any:
    made = bokeh.plotting.figure(title="t")
    made.line([1, 2], [3, 4])
    return made


def bokeh_values(x: Any) -> Any:
    return x.title.text, [dict(each.data_source.data) for each in x.renderers]


def picture() -> Any:
    made = Image.new("RGB", (20, 10), "red")
    ImageDraw.Draw(made).line((0, 0, 10, 10), fill="blue")
    return made


def opened() -> Any:
    data = io.BytesIO()
    picture().save(data, "PNG")
    made = Image.open(data)
    made.load()
    return made


def draw_on(x: Any) -> None:
    ImageDraw.Draw(x).line((0, 5, 10, 5), fill="green")


def pixels(x: Any) -> Any:
    return x.mode, x.size, x.tobytes(), x.info


def shapes() -> Any:
    made = np.zeros((20, 20), int)
    made[2:6, 3:9] = 1
    made[10:15, 10:12] = 2
    return made


def regions() -> Any:
    return skimage.measure.regionprops(shapes())


CASES = [
    case("matplotlib", "figure of pyplot", figure, title, same_figures, look=drawn),
    *(case("matplotlib", f"figure: {name}", plain_figure(draw), title, same_figures, look=drawn) for name, draw in KINDS.items()),
    case("matplotlib", "axes", lambda: figure().axes[0], lambda x: x.set_title("other"), by(lines), look=lambda x: x.get_xlim()),
    case("matplotlib", "line", lambda: figure().axes[0].lines[0], lambda x: x.set_ydata([7, 8, 9]), by(lambda x: x.get_xydata().tolist()), look=lambda x: x.get_color()),
    case("matplotlib", "colour map", lambda: mpl.colormaps["viridis"].copy(), lambda x: x.set_bad("red"), equal, look=lambda x: (x(0.5), x._repr_html_())),
    case("matplotlib", "norm", lambda: mpl.colors.LogNorm(1, 10), lambda x: setattr(x, "vmax", 20), by(lambda x: x(5.0)), look=lambda x: x(2.0)),
    case("matplotlib", "rcParams", lambda: mpl.rcParams.copy(), lambda x: x.update({"lines.linewidth": 9}), by(dict), resaved=(RESTART,), why=ORDER, unordered=True),
    case("matplotlib", "Path and transform", lambda: {"p": mpl.path.Path([[0, 0], [1, 1]]), "t": mpl.transforms.Affine2D()}, lambda x: x["t"].rotate(1), by(lambda x: (x["p"].vertices.tolist(), x["t"].get_matrix().tolist())), look=lambda x: x["t"].get_matrix()),
    case("matplotlib", "animation", animation, lambda x: title(x._fig), by(lambda x: x._fig.axes[0].get_title())),
    case("seaborn", "FacetGrid", grid, lambda x: x.set_titles("other"), lambda a, b: same_figures(a.figure, b.figure), look=lambda x: drawn(x.figure)),
    case("seaborn", "line plot", seaborn_axes(lambda ax: sns.lineplot(frame(), x="x", y="y", hue="kind", ax=ax)), title, same_figures, look=drawn),
    case("seaborn", "heat map", seaborn_axes(lambda ax: sns.heatmap(np.eye(3), annot=True, ax=ax)), title, same_figures, look=drawn),
    case("seaborn", "regression plot", seaborn_axes(lambda ax: sns.regplot(frame(), x="x", y="y", n_boot=5, seed=1, ax=ax)), title, same_figures, look=drawn),
    case("seaborn", "palette", lambda: sns.color_palette("deep"), lambda x: x.append((0, 0, 0)), equal, look=lambda x: x.as_hex()),
    case("seaborn", "objects.Plot", lambda: {"p": so.Plot(frame(), x="x", y="y").add(so.Line())}, lambda x: x.update(n=1), by(lambda x: (len(x), x["p"]._data.frame.to_dict())), look=lambda x: x["p"]._repr_png_()),
    case("Plotly", "Figure", lambda: go.Figure(go.Scatter(x=[1, 2], y=[3, 4])), lambda x: x.update_layout(title="t"), by(lambda x: json.loads(x.to_json())), look=lambda x: x.to_html()),
    case("Plotly", "express", lambda: px.scatter(frame(), x="x", y="y", color="kind"), lambda x: x.update_traces(marker_size=9), by(lambda x: json.loads(x.to_json())), look=lambda x: x.to_dict()),
    case("Plotly", "trace", lambda: go.Bar(x=["a"], y=[1]), lambda x: x.update(y=[2]), by(lambda x: x.to_plotly_json()), look=repr),
    case("Altair", "Chart", lambda: altair.Chart(frame()).mark_line().encode(x="x", y="y"), lambda x: setattr(x, "title", "t"), by(lambda x: x.to_dict()), look=lambda x: x.to_json()),
    case("Altair", "layered and selected", lambda: {"c": (altair.Chart(frame()).mark_bar().encode(x="x:O") + altair.Chart(frame()).mark_point().encode(y="y:Q")).properties(name="v")}, lambda x: x["c"].layer.pop(), by(lambda x: x["c"].to_dict()), look=lambda x: x["c"].to_dict()),
    case("Bokeh", "figure", bokeh_figure, lambda x: setattr(x.title, "text", "other"), by(bokeh_values), look=lambda x: x.references()),
    case("Bokeh", "ColumnDataSource", lambda: bokeh.models.ColumnDataSource({"x": [1, 2]}), lambda x: x.data.update(y=[3, 4]), by(lambda x: dict(x.data)), look=lambda x: x.column_names),
    case("Pillow", "Image", picture, draw_on, by(pixels), look=lambda x: (x.getpixel((0, 0)), x._repr_png_(), x.resize((5, 5)))),
    case("Pillow", "Image with a palette", lambda: picture().quantize(4), lambda x: x.putpalette([9] * 12), by(lambda x: (pixels(x), x.getpalette())), look=lambda x: x.convert("RGB")),
    case("Pillow", "Image read from a file", lambda: opened(), draw_on, by(pixels), look=lambda x: x.getpixel((0, 0))),
    case("Pillow", "ImageFont", lambda: {"f": ImageFont.load_default()}, lambda x: x.update(n=1), by(lambda x: (len(x), x["f"].getbbox("a"))), look=lambda x: x["f"].getlength("a")),
    case("Pillow", "ImageDraw", lambda: ImageDraw.Draw(picture()), lambda x: x.line((0, 0, 5, 0)), by(lambda x: pixels(x._image)), opaque="ImagingDraw"),
    case("scikit-image", "region properties", regions, lambda x: x.pop(), by(lambda x: [(r.label, r.area, r.bbox) for r in x]), look=lambda x: x[0].centroid),
    case("scikit-image", "transform", lambda: skimage.transform.AffineTransform(scale=(2, 3)), lambda x: x.params.__setitem__((0, 2), 9), by(lambda x: x([[1, 2]]).tolist()), look=lambda x: x.inverse),
    case("scikit-image", "filtered image", lambda: skimage.filters.gaussian(np.eye(20)), lambda x: x.fill(1), same_arrays, look=lambda x: x.max()),
]  # fmt: skip
