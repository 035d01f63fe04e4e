import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.figure import Figure

from eie.studies.plots.style import UNIT, WIDEST, Drawn, in_house_style, legend_above, plain_numbers


@in_house_style
def drawn(labels: list[str], width: float = 9.0) -> Drawn:
    fig, ax = plt.subplots(figsize=(width, 3))
    for label in labels:
        ax.plot([0, 1], label=label)
    ax.set(xlabel="time, us", ylabel="frames/s/mm2")
    legend_above(fig, ax)
    return Drawn(fig, {"numbers": pd.DataFrame({"time": [0, 1]})})


def boxes(fig: Figure) -> list[mpl.transforms.Bbox]:
    fig.canvas.draw()
    return [legend.get_window_extent() for legend in fig.legends]


@pytest.mark.parametrize("n", [1, 3, 7])
@pytest.mark.parametrize("length", [3, 20, 60])
def test_legend_fits_and_covers_no_plot(n, length):
    fig = drawn([f"{i}" * length for i in range(n)])
    (box,) = boxes(fig)
    assert box.x0 >= 0
    assert box.x1 <= fig.bbox.width
    assert box.y1 <= fig.bbox.height
    assert box.y0 >= fig.axes[0].get_window_extent().y1


def test_legend_takes_one_row_where_it_can():
    rows = [len({round(text.get_window_extent().y0) for text in drawn(["one", "two", "three"]).legends[0].get_texts()})]
    assert rows == [1]


@pytest.mark.parametrize(("width", "expected"), [(3.0, 3.0), (9.0, WIDEST)])
def test_no_plot_is_wider_than_a_phone_can_show(width, expected):
    assert drawn(["a"], width).get_figwidth() == expected


def test_letters_are_seven_pixels_high_on_a_phone():
    pixels_per_inch = 358 / WIDEST  # 390 pixels less the margins
    assert mpl.rcParamsDefault["font.size"] / 72 * pixels_per_inch > 7


def test_units_are_printed():
    (ax,) = drawn(["a"]).axes
    assert ax.get_xlabel() == "time, µs"
    assert ax.get_ylabel() == "frames/s/mm²"


@pytest.mark.parametrize("words", ["helps us all", "us", "thus, usual"])
def test_words_are_no_units(words):
    assert not re.search(UNIT, words)


def test_large_numbers_are_written_out():
    fig, ax = plt.subplots()
    ax.set(xscale="log", xlim=(1e-1, 1e6))
    plain_numbers(ax.xaxis)
    fig.canvas.draw()
    assert {"0.1", "1", "1,000,000"} <= {label.get_text() for label in ax.get_xticklabels()}
    plt.close(fig)
