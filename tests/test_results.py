# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of results: what is written is read back, what is damaged is told in one line; and their pictures."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from semisac_ml.results import Result, ResultTable, command_line, read_results, unique, write_results
from semisac_ml.results.tables import COLUMNS
from semisac_ml.signal.metrics import proportion

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = [
    *(ROOT / "results").rglob("*.csv"),
    ROOT / "python" / "semisac_ml" / "systems" / "jssc_hifi" / "block_errors.csv",
]


def row(value: float = 0.5, **changes: object) -> Result:
    told = {"system": "made_up", "figure": "1", "metric": "dba", "variant": 'a, "b"', "seed": "0 1"}
    return Result(value=value, **{**told, **changes})


def test_what_is_written_is_read_back(tmp_path):
    conditions = {"x": "SNR in dB", "panel": "n = 2", "asked": 1e-4, "ratio": Fraction(1, 24), "count": 3}
    rows = [
        row(conditions=conditions, x=1 / 6, low=0.25, high=0.75, n=170_000_000),
        row(metric="power_loss_db_sd", inputs="gps,ä", conditions={"goal": "<= 2; at once"}),
        Result.of(proportion(3, 4), system="a", figure="b", metric="lost", unit="%"),
        Result.of(2.5, system="a", figure="b", metric="loss_db", x=-20.0),
    ]
    assert rows[0].conditions["asked"] == "0.0001" and rows[0].conditions["ratio"] == "1/24"
    assert [one.unit for one in rows] == ["1", "dB", "%", "dB"]
    rows[1] = row(metric="power_loss_db_sd", inputs="gps,ä", conditions={"goal": "<= 2, at once"})
    file = write_results(tmp_path / "new" / "rows.csv", rows)
    found = read_results(file)
    assert found[0] == rows[0] and found[0].x == 1 / 6 and found[0].axis == "SNR in dB"
    assert found[1] == rows[1] and found[1].command == command_line()
    assert found[2].value == 0.75 and (found[2].low, found[2].high) == pytest.approx(
        (rows[2].low, rows[2].high), rel=1e-5
    )
    assert (found[3].low, found[3].high, found[3].n) == (2.5, 2.5, 0)


@pytest.mark.parametrize(
    ("started", "told"),
    [
        (["-m", "made_up"], "python -m made_up 'a b'"),
        (["-m", "made_up.other"], "python -m made_up.other 'a b'"),
        (["made_up/other.py"], "python made_up/other.py 'a b'"),
        (["{folder}/made_up/other.py"], "other.py 'a b'"),
    ],
)
def test_the_command_line_is_what_was_typed(started, told, tmp_path):
    (tmp_path / "made_up").mkdir()
    text = "from semisac_ml.results import command_line; print(command_line())\n"
    for name, content in (("__init__", ""), ("__main__", text), ("other", text)):
        (tmp_path / "made_up" / f"{name}.py").write_text(content)
    words = [word.format(folder=tmp_path) for word in started]
    done = subprocess.run(
        [sys.executable, *words, "a b"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == told


def test_a_condition_that_could_not_be_read_back_is_refused(tmp_path):
    for key, value in (("a=b", "1"), ("a", "1; 2"), ("", "1")):
        with pytest.raises(ValueError, match="expected a key without ="):
            write_results(tmp_path / "rows.csv", [row(conditions={key: value})])


def test_an_interrupted_writer_leaves_the_old_file(tmp_path):
    file = write_results(tmp_path / "rows.csv", [row(0.25)])

    def interrupted():
        yield row(0.5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_results(file, interrupted())
    assert [one.value for one in read_results(file)] == [0.25]
    assert list(tmp_path.iterdir()) == [file]


HEAD = ",".join(COLUMNS)
DAMAGED = {
    "a,b\n1,2\n": "line 1: columns are a, b, expected system, figure",
    "": "line 1: columns are missing, expected system, figure",
    "data,channel,ratio,snr_db,scheme\n": "line 1: columns are data, channel",
    f"{HEAD}\nvi_beam,x\n": "line 2: expected 14 cells",
    f"{HEAD}\ns,f,v,i,,,m,much,,,,1,,\n": "line 2: value is 'much', expected a number",
    f"{HEAD}\ns,f,v,i,,,m,,,,,1,,\n": "line 2: value is empty, expected a number",
    f"{HEAD}\ns,f,v,i,,,m,1,,,1.5,1,,\n": "line 2: n is '1.5', expected a number",
    f"{HEAD}\ns,f,v,i,channel,,m,1,,,,1,,\n": "line 2: conditions is 'channel', expected key=value",
    f'{HEAD}\ns,f,"v': "is no table of results",
}


@pytest.mark.parametrize("content", DAMAGED)
def test_what_is_no_table_is_told_in_one_line(content, tmp_path):
    (tmp_path / "rows.csv").write_text(content)
    with pytest.raises(ValueError, match="is no table of results") as refused:
        read_results(tmp_path / "rows.csv")
    told = str(refused.value)
    assert DAMAGED[content] in told and "\n" not in told and "choose another file" in told
    with pytest.raises(ValueError, match="is no table of results"):
        ResultTable.open(tmp_path / "rows.csv")


def test_what_is_no_text_is_told_in_one_line(tmp_path):
    (tmp_path / "rows.csv").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ValueError, match="is no table of results"):
        read_results(tmp_path / "rows.csv")


def test_rows_take_the_place_of_older_ones(tmp_path):
    file = tmp_path / "rows.csv"
    table = ResultTable.open(file)
    for x, value in ((0.0, 0.1), (5.0, 0.2), (10.0, 0.3)):
        table.replace([row(value, x=x, conditions={"goal": "<= 1"})])
    # a goal is no part of what tells rows apart
    table.replace([row(0.9, x=5.0, conditions={"goal": "<= 2"}), row(0.4, x=15.0)])
    assert [one.value for one in read_results(file)] == [0.1, 0.9, 0.4, 0.3]
    table.replace([row(0.7, x=5.0)], lambda one: one.variant)
    assert [one.value for one in ResultTable.open(file).rows] == [0.7]
    assert unique([row(1.0), row(2.0), row(3.0, x=1.0)]) == [row(1.0), row(3.0, x=1.0)]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_tables_that_ship_hold_each_thing_once(file):
    rows = read_results(file)
    assert rows and len(unique(rows)) == len(rows)
    for one in rows:
        assert one.command, one
        assert one.n != 0 or one.low == one.value == one.high, one
        assert one.low is None or one.low <= one.value + 1e-4 * abs(one.value) + 1e-9, one
        assert one.high is None or one.high >= one.value - 1e-4 * abs(one.value) - 1e-9, one
        assert (one.x is None) == (one.axis == ""), one


def test_reading_needs_no_matplotlib():
    program = (
        "import sys; sys.modules['matplotlib'] = None; import semisac_ml.results as r, "
        "semisac_ml.results.drawing; from pathlib import Path; print(len(r.read_results(Path(sys.argv[1]))))"
    )
    done = subprocess.run([sys.executable, "-c", program, SHIPPED[0]], capture_output=True, text=True)
    assert done.returncode == 0 and int(done.stdout) > 0, done.stderr


def test_curves_have_their_points_in_order_and_their_intervals():
    from matplotlib.figure import Figure

    from semisac_ml.results.drawing import curves

    rows = [row(0.1 * x, x=x, low=0.1 * x - 0.02, high=0.1 * x + 0.04) for x in (9.0, 0.0, 3.0)]
    rows += [row(0.5, x=x, variant="bound", low=0.5, high=0.5, n=0) for x in (0.0, 9.0)]
    rows += [row(0.5, x=x, variant="not shown") for x in (0.0, 9.0)]
    axis = Figure().subplots()
    curves(axis, rows, lambda one: None if one.variant == "not shown" else {"label": one.variant})
    measured, bound = axis.containers
    np.testing.assert_allclose(measured.lines[0].get_xydata(), [[0.0, 0.0], [3.0, 0.3], [9.0, 0.9]])
    (bars,) = measured.lines[2]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends, [[-0.02, 0.04], [0.28, 0.34], [0.88, 0.94]])
    assert not bound.has_yerr


def test_bars_stand_at_their_names():
    from matplotlib.figure import Figure

    from semisac_ml.results.drawing import side_by_side

    rows = [row(value, inputs=name, variant=label) for name, label, value in (
        ("camera", "one", 0.1), ("lidar", "one", 0.2), ("lidar", "other", 0.4)
    )]  # fmt: skip
    axis = Figure().subplots()
    side_by_side(axis, rows, lambda one: one.inputs, lambda one: one.variant)
    drawn = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in axis.patches]
    np.testing.assert_allclose(drawn, [(-0.2, 0.1), (0.8, 0.2), (1.2, 0.4)])
    assert [label.get_text() for label in axis.get_xticklabels()] == ["camera", "lidar"]


def test_a_picture_is_written_whole_or_not_at_all(tmp_path):
    from semisac_ml.results.drawing import line_charts, picture

    file = tmp_path / "one.png"
    rows = [row(0.1, x=1.0, conditions={"x": "SNR in dB"}), row(0.1, x=2.0, conditions={"x": "SNR in dB"})]
    line_charts(file, rows, {"dba": "DBA"}, lambda one: one.axis, lambda one: {"label": one.variant})
    before = file.read_bytes()
    assert before.startswith(b"\x89PNG")
    with pytest.raises(ZeroDivisionError), picture(file, 3, 2):
        raise ZeroDivisionError
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]
