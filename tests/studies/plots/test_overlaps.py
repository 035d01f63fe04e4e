"""What is written in a plot can be read: no two texts overlap, and none lies outside the picture."""

from itertools import combinations

import matplotlib.pyplot as plt
import pytest
from matplotlib.text import Text

from eie.studies import paper
from eie.studies.paper import deep_compression, fig05, fig09, fig10, table1, table2
from eie.studies.retrospective.patterns import fine_grained

SLACK = 1.0  # pixels of their boxes that texts may share
MARGIN = 0.2  # inches beyond the figure that saving it with a tight box brings back
PLOTS = {
    "figure 2": lambda: paper.figures2_3().plot(),
    "figure 3": lambda: paper.figures2_3().plot_memory(),
    "figure 5": lambda: fig05.figure5().plot(),
    "figure 6": lambda: paper.figure6(draws=1).plot(),
    "figure 7": lambda: paper.figure7(draws=1).plot(),
    "figure 8": lambda: paper.figure8(fifo_depths=[2, 8, 256], draws=1).plot(),
    "figure 9": lambda: fig09.figure9(widths=[32, 64, 512], draws=1).plot(),
    "figure 10": lambda: fig10.figure10().plot(),
    "figure 11": lambda: paper.figure11(n_pes=[1, 16, 256]).plot(),
    "table 1": lambda: table1.table1().plot(),
    "table 2": lambda: table2.table2().plot(),
    "table 3": lambda: paper.table3.table3().plot(),
    "table 4": lambda: paper.table4.table4(draws=1).plot(),
    "table 5": lambda: paper.table5.table5(draws=1).plot(),
    "ladder": lambda: paper.ladder.ladder().plot(),
    "partitioning": lambda: paper.partitioning.partitioning().plot(),
    "deep compression": lambda: deep_compression.deep_compression(evaluate=False).plot(),
    "its parts": lambda: deep_compression.deep_compression(evaluate=False).plot_parts(),
    "patterns": lambda: fine_grained().plot(),
}


def ticks(axis):
    """The labels of an axis that are within view."""
    low, high = sorted(axis.get_view_interval())
    inside = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [label for tick in inside for label in (tick.label1, tick.label2)]


def written(fig):
    """All texts that the figure shows."""
    legends = [*fig.legends, *filter(None, (ax.get_legend() for ax in fig.axes))]
    found = [*fig.texts, *(text for legend in legends for text in legend.get_texts())]
    for ax in filter(lambda ax: ax.get_visible(), fig.axes):
        found += [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts, *ticks(ax.xaxis), *ticks(ax.yaxis)]
    return [text for text in dict.fromkeys(found) if text.get_visible() and text.get_text().strip()]


def shared(a, b):
    """The smaller side of what two boxes share, pixels; negative when they lie apart."""
    return min(min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0))


def overlapping(fig):
    fig.canvas.draw()
    # Of an annotation only the words count, without the line that leads to its point.
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in written(fig)]
    return [(one, two) for (one, a), (two, b) in combinations(boxes, 2) if shared(a, b) > SLACK]


def outside(fig):
    page = fig.bbox.padded(MARGIN * fig.dpi)
    boxes = {text.get_text(): Text.get_window_extent(text) for text in written(fig)}
    return [
        text
        for text, box in boxes.items()
        if not (page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1)
    ]


@pytest.mark.long
@pytest.mark.parametrize("name", PLOTS)
def test_all_that_is_written_can_be_read(name):
    fig = PLOTS[name]()
    assert overlapping(fig) == []
    assert outside(fig) == []
    plt.close(fig)


def test_overlapping_texts_are_found():
    fig, ax = plt.subplots()
    ax.text(0.5, 0.5, "one")
    ax.text(0.51, 0.5, "two")
    ax.text(1.5, 0.5, "far")
    assert overlapping(fig) == [("one", "two")]
    assert outside(fig) == ["far"]
    plt.close(fig)
