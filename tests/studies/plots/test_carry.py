import pandas as pd
from matplotlib.figure import Figure

from eie.studies import paper
from eie.studies.plots.carry import MIME, with_data


class Thing:
    pass


def test_tables_are_texts_of_csv_by_name():
    frame = pd.DataFrame({"layer": ["a", "b"], "share": [0.1, 1 / 3]})
    shown = with_data(Thing(), points=frame, times=pd.Series([1.5], index=["a"], name="us"))
    assert shown._repr_mimebundle_(include=None) == {
        MIME: {"points": "layer,share\na,0.1\nb,0.333333333\n", "times": ",us\na,1.5\n"}
    }


def test_shown_is_otherwise_the_same():
    shown = Thing()
    assert with_data(shown) is shown


def test_figure_carries_what_it_plots():
    figure = paper.figure8(layers=["NT-We"], fifo_depths=[2, 8], draws=1).plot()
    assert isinstance(figure, Figure)
    lines = figure._repr_mimebundle_()[MIME]["points"].splitlines()
    assert lines[0].split(",")[:2] == ["layer", "fifo_depth"]
    assert {"1", "2", "8"} <= {line.split(",")[1] for line in lines[1:]}


def test_table_carries_its_numbers_unrounded():
    table = paper.show(pd.DataFrame({"time": [1.23456]}, index=["a"]), "times", "{:.1f}")
    assert "1.2<" in table.to_html()
    assert table._repr_mimebundle_()[MIME] == {"times": ",time\na,1.23456\n"}
