# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of the papers: what systems declare of them, and what files of results make of that."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from semisac_ml.cli.program import program
from semisac_ml.reproduction.declared import (
    Claim,
    Command,
    Item,
    Paper,
    difference,
    only_in_full,
    row,
    selectors,
    value,
)
from semisac_ml.reproduction.page import figure, written
from semisac_ml.reproduction.readings import Found, Results, matching
from semisac_ml.reproduction.verdicts import NOT_YET, VERDICTS, judged, verdict
from semisac_ml.results import Result, write_results
from semisac_ml.results.averages import SEED_KEY
from semisac_ml.results.verdicts import BEATEN, MET, REFUTED, UNDECIDED, against_number, against_order
from semisac_ml.signal.metrics import Metric
from semisac_ml.systems import system_module, systems_with

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "results", ROOT / "docs" / "reproduction.md"
PAPERS = {name: system_module(name, "reproduction").PAPER for name in systems_with("reproduction")}
ITEMS = [(name, item) for name, paper in PAPERS.items() for item in paper.items if item.command]
FIVE = {"csc_sa_net", "jssc", "lam_msac", "simac", "vi_beam"}


@pytest.mark.parametrize(
    ("value", "low", "high", "at_most", "expected"),
    [
        (0.95, 0.92, 0.98, False, BEATEN),
        (0.91, 0.88, 0.94, False, MET),
        (0.90, 0.88, 0.92, False, MET),
        (0.89, 0.86, 0.92, False, UNDECIDED),
        (0.80, 0.76, 0.84, False, REFUTED),
        (0.80, 0.76, 0.84, True, BEATEN),
        (0.91, 0.88, 0.94, True, UNDECIDED),
        (0.95, 0.92, 0.98, True, REFUTED),
        (0.95, None, None, False, MET),  # no interval: nothing is beaten
        (0.85, None, None, False, REFUTED),
        (0.95, 0.95, 0.95, False, BEATEN),  # computed
    ],
)
def test_a_number_of_a_paper_is_met_or_not(value, low, high, at_most, expected):
    assert against_number(value, low, high, 0.9, at_most) == expected


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (0.2, 0.1, 0.3, MET),
        (0.2, -0.1, 0.5, UNDECIDED),
        (-0.2, -0.5, 0.1, UNDECIDED),
        (-0.2, -0.3, -0.1, REFUTED),
        (0.2, None, None, MET),
        (-0.2, None, None, REFUTED),
        (0.0, None, None, UNDECIDED),
    ],
)
def test_an_order_of_a_paper_is_met_or_not(value, low, high, expected):
    assert against_order(value, low, high) == expected


def test_a_number_that_should_be_the_same_has_a_tolerance():
    claim = Claim(
        "size", found=(value(metric="parameters"),), printed="17.5 M", goal=17.5, way="about", tolerance=0.05
    )
    assert verdict(claim, Found(17.0, 17.0, 17.0, 0, "")) == MET
    assert verdict(claim, Found(16.0, 16.0, 16.0, 0, "")) == REFUTED
    assert verdict(claim, None) == NOT_YET
    assert verdict(Claim("memory", cannot="no such card"), None) == "cannot be tested here"
    assert verdict(Claim("a drawing", nothing="drawn"), None) == "nothing to measure"
    assert verdict(Claim("curves"), Found(float("nan"), None, None, None, "")) == "drawn"


def made(value: float, variant: str = "own", x: float | None = None, **told: object) -> Result:
    conditions = {key: str(one) for key, one in told.items()}
    if x is not None:
        conditions["x"] = "SNR"
    ends = {"low": value - 0.03, "high": value + 0.04}
    return Result(
        system="made_up", figure="1", metric="dba", variant=variant, value=value, x=x, conditions=conditions,
        n=7, seed="0", **ends,
    )  # fmt: skip


COMMAND = Command("semisac info --json", 0.1)


def item(*claims: Claim) -> Item:
    return Item("Figure 1", "Made up", claims, COMMAND, "made_up/figure1.csv")


def results_of(folder: Path, rows: list[Result]) -> Results:
    write_results(folder / "made_up" / "figure1.csv", rows)
    return Results(folder)


def test_intervals_of_differences_add_up_as_squares(tmp_path):
    results = results_of(tmp_path, [made(0.9), made(0.5, "other")])
    claim = Claim("", found=(difference(row(variant="own"), row(variant="other")),), factor=100.0)
    found = results.found(item(claim), claim)
    # 3 below and 4 above of the first, 4 above and 3 below of the second, which is taken away
    assert (found.value, found.low, found.high) == pytest.approx((40.0, 35.0, 45.0))
    assert (found.n, found.seeds) == (7, "0")


def test_trainings_of_several_seeds_are_one_row(tmp_path):
    rows = [made(one, **{SEED_KEY: seed}) for seed, one in enumerate((0.7, 0.8, 0.9))]
    claim = Claim("", found=(value(variant="own", metric="dba"),))
    found = results_of(tmp_path, rows).found(item(claim), claim)
    assert (found.value, found.low, found.high, found.seeds) == pytest.approx((0.8, 0.77, 0.84, found.seeds))
    assert found.seeds == "0 1 2"


def test_a_claim_of_several_points_is_tested_where_it_holds_least(tmp_path):
    rows = [made(one, name, x) for x in (0.0, 5.0) for name, one in (("own", 0.6 - 0.05 * x), ("other", 0.4))]
    results = results_of(tmp_path, rows)
    pairs = tuple(difference(row(variant="own", x=x), row(variant="other", x=x)) for x in (0.0, 5.0))
    claim = Claim("", found=pairs)
    assert results.found(item(claim), claim).value == pytest.approx(-0.05)
    most = Claim("", found=pairs, printed="0.1", goal=0.1, way="at most")
    assert results.found(item(most), most).value == pytest.approx(0.2)


def test_points_at_which_a_claim_falls_short_are_named(tmp_path):
    values = {0.25: (5.0, 4.0), 0.5: (3.0, 4.0), 1.0: (1.0, 4.0)}
    rows = [made(one, name, x) for x, pair in values.items() for name, one in zip("ab", pair, strict=True)]
    results = results_of(tmp_path, rows)
    sums = tuple(difference(row(variant="a", x=x), row(variant="b", x=x)) for x in values)
    claim = Claim("a above b", "least gain", sums)
    found = results.found(item(claim), claim)
    assert found.value == -3.0 and found.short == "0.5, 1 of 0.25, 0.5, 1"
    below = Claim("a below b", "greatest", sums, way="at most")
    assert results.found(item(below), below).short == "0.25 of 0.25, 0.5, 1"
    ends = Claim("both are high", "least", (value(variant="a", x=0.25), value(variant="b", x=0.25)), goal=4.5)
    assert results.found(item(ends), ends).short == ""  # of one point, it is not about points


def test_rows_are_found_by_columns_conditions_and_beginnings(tmp_path):
    rows = [made(0.5, scenes="test: a, b"), made(0.6, scenes="held out: c"), made(0.7, "swept", 3.0)]
    assert matching(row(scenes="test*"), rows) == rows[:1]
    assert matching(row(axis="SNR", x=3), rows) == rows[2:]
    assert matching(row(variant="own"), rows) == rows[:2]
    results = results_of(tmp_path, rows)
    twice, never = (Claim("", found=(value(variant=one),)) for one in ("own", "nobody"))
    with pytest.raises(ValueError, match="made_up/figure1.csv: 2 rows are variant own, expected one"):
        results.found(item(twice), twice)
    assert results.found(item(never), never) is None


def test_another_file_may_be_named(tmp_path):
    write_results(tmp_path / "made_up" / "before.csv", [made(0.5)])
    results = results_of(tmp_path, [made(0.75)])
    claim = Claim("", found=(difference(row(variant="own"), row(file="made_up/before.csv", variant="own")),))
    assert results.found(item(claim), claim).value == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Found(0.95795, 0.9528, 0.96309, 5, ""), "0.958 [0.953, 0.963] dB"),
        (Found(55.1, 39.7, 70.6, 3, ""), "55 [40, 71] dB"),
        (Found(-0.0071, -0.0108, -0.0037, 36, ""), "−0.007 [−0.011, −0.004] dB"),
        (Found(17.4266, 17.4266, 17.4266, 0, ""), "17.4 dB"),
        (Found(0.0049, None, None, None, ""), "0.0049 dB"),
        (Found(50123.4, None, None, None, ""), "50123 dB"),
    ],
)
def test_a_figure_has_the_digits_that_its_interval_allows(found, expected):
    assert figure(found, "dB") == expected


def test_a_figure_is_on_the_page_as_soon_as_its_file_is_there(tmp_path):
    claim = Claim(
        "own beats other", "by", (difference(row(variant="own"), row(variant="other")),), unit="DBA"
    )
    papers = {"made_up": Paper("On nothing", "A. Body", "made_up.md", (item(claim),))}
    before = written(papers, tmp_path / "results", tmp_path / "docs" / "page.md")
    assert (
        f"| own beats other | by | {NOT_YET} |" in before
        and "`made_up/figure1.csv` (not there yet)" in before
    )
    results_of(tmp_path / "results", [made(0.9), made(0.5, "other")])
    after = written(papers, tmp_path / "results", tmp_path / "docs" / "page.md")
    assert "| own beats other | by: 0.40 [0.35, 0.45] DBA (seed 0, n = 7) | **met** |" in after
    assert (
        "`semisac info --json` (no training) → [made_up/figure1.csv](../results/made_up/figure1.csv)" in after
    )


def test_the_page_is_what_the_command_makes_of_the_files():
    page = written(PAPERS, RESULTS, PAGE)
    assert PAGE.read_text(encoding="utf-8") == page, "run `semisac reproduce` and commit docs/reproduction.md"
    assert set(PAPERS) == FIVE
    for name in FIVE:
        assert f"\n## {name}\n" in page
    links = re.findall(r"\]\(([^)#]+)\)", page)
    assert len(links) > 30
    assert [link for link in links if not (PAGE.parent / link).is_file()] == []


def test_the_page_is_whole_tables_when_it_is_rendered():
    """All rows are cells of tables: no bar or star of a text breaks one."""
    parsed = MarkdownIt("commonmark").enable("table").parse(PAGE.read_text(encoding="utf-8"))
    kinds = [token.type for token in parsed]
    rows = [one for paper in PAPERS.values() for item in paper.items for one in item.claims]
    tables = kinds.count("table_open")
    assert kinds.count("tr_open") - tables == 4 + len(PAPERS) + len(rows)  # verdicts, systems, claims
    texts = []
    for first, second in zip(parsed, parsed[1:], strict=False):
        if first.type == "td_open":
            texts.append(second.content)
    assert not [one for one in texts if one.count("`") % 2 or one.count("**") % 2]
    cells = [
        3 if item.command else 4 for paper in PAPERS.values() for item in paper.items for _ in item.claims
    ]
    assert kinds.count("td_open") == sum(cells) + 4 * 3 + len(PAPERS) * (1 + len(VERDICTS))


def test_every_verdict_is_explained_on_the_page():
    page = PAGE.read_text(encoding="utf-8")
    above = page[: page.index("| system |")]
    assert [one for one in VERDICTS if one not in above and one != "cannot be tested here"] == []


@pytest.mark.parametrize("name", sorted(FIVE))
def test_a_paper_is_declared_whole(name):
    """Every figure and table that a paper numbers is named, as are the numbers of a row's claim."""
    last = {
        "csc_sa_net": (12, "II"),
        "jssc": (6, ""),
        "lam_msac": (3, "2"),
        "simac": (18, "II"),
        "vi_beam": (4, "II"),
    }
    figures, tables = last[name]
    where = " ".join(one.where for one in PAPERS[name].items)
    named = {int(one) for one in re.findall(r"\d+", where)}
    for first, end in re.findall(r"(\d+) to (\d+)", where):
        named |= set(range(int(first), int(end) + 1))
    assert set(range(1, figures + 1)) <= named
    assert not tables or {f"Table {one}" for one in ("I", "II") if tables == "II"} <= {
        word for one in PAPERS[name].items for word in re.findall(r"Table \w+", one.where)
    }
    for one in PAPERS[name].items:
        assert one.claims and (one.command is None) == (not one.file)
        for claim in one.claims:
            assert claim.says and sum(map(bool, (claim.of, claim.cannot, claim.nothing))) == 1, claim
            assert not (claim.found and (claim.cannot or claim.nothing)), claim
            assert claim.found or not claim.printed or claim.cannot, claim
            assert one.command or not claim.found, claim


def command_lines() -> list[str]:
    found: dict[str, None] = {}
    for paper in PAPERS.values():
        for command in paper.commands:
            shared = [f"{command.line} --processes 2"] if command.parallel else []
            lines = [command.line, *shared, *command.trainings, *(how for _, how in command.folders)]
            found |= dict.fromkeys(lines)
    return list(found)


@pytest.mark.parametrize("line", command_lines())
def test_every_command_is_one(line):
    words = shlex.split(line)
    assert words[0] == "semisac"
    program(words[1:]).parse_args(words[1:], exit_on_error=False, print_error=False)


TO_COME = {"simac, l1 1"}
"""Variants whose trainings are not there yet, of files that have others."""


@pytest.mark.parametrize(("name", "own"), ITEMS, ids=lambda one: getattr(one, "where", one))
def test_every_row_that_is_there_is_found_once(name, own):
    results = Results(RESULTS)
    for selector in selectors(own.claims):
        rows = results.rows(selector.file(own.file))
        if rows is None or (dict(selector.told).get("variant") in TO_COME and not matching(selector, rows)):
            continue
        assert len(matching(selector, rows)) == 1, selector
    assert own.file.startswith(f"{name}/") and (
        own.picture or "table2" in own.file or own.file.endswith(".json")
    )


def found_once(name: str, file: str, rows: list[Result], folder: Path) -> int:
    """Of a file that systems would write: each row that is declared is one of it; how many are."""
    write_results(folder / file, rows)
    results, count = Results(folder), 0
    for own in PAPERS[name].items:
        for selector in selectors(own.claims):
            if selector.file(own.file) == file:
                assert len(matching(selector, results.rows(file))) == 1, selector
                count += 1
    return count


def test_claims_of_simac_are_those_that_its_figure_has(tmp_path):
    pytest.importorskip("torch")
    from semisac_ml.systems.simac import claims

    found = Metric(50.0, 40.0, 60.0, 3)
    rows = [claims._claim_row(one, tested, found) for one in claims.CLAIMS for tested in one.tested]
    assert found_once("simac", "simac/claims.csv", rows, tmp_path) > 40
    states = {
        one.verdict
        for one in judged(PAPERS["simac"], Results(tmp_path))
        if one.item.file == "simac/claims.csv"
    }
    assert NOT_YET not in states and {BEATEN, REFUTED} <= states


def test_curves_of_simac_are_those_that_its_figures_have(tmp_path):
    pytest.importorskip("torch")
    from semisac_ml.systems.simac import figures
    from semisac_ml.systems.simac.comparison import SPAN

    units = {
        "distance_rmse_m": 1.0,
        "angle_rmse_deg": 1.0,
        "velocity_rmse_mps": 1.0,
        "psnr_db": 20.0,
        "ssim": 0.5,
    }
    spans = {"distance_span_m": 10.0, "angle_span_deg": 9.0, "velocity_span_mps": 8.0}
    scenes = ("street, canyon", "highway")

    def measured(variant: str, metric: str, value: float, at: float | None, **told: str) -> Result:
        return Result(
            system="simac", figure="snr", variant=variant, conditions=told, metric=metric, value=value, x=at,
            inputs="camera,radar", low=value - 0.1, high=value + 0.1, n=5,
        )  # fmt: skip

    table = [
        measured(SPAN, metric, one, None, scene=scene) for metric, one in spans.items() for scene in scenes
    ]
    for variant in ("simac", "cv-s", "rs-s", "lstm", "gru", "without lse", "without ssd", "tuned"):
        for scene in scenes:
            for fading in figures.FADINGS:
                told = {"x": "SNR", "scene": scene, "fading": fading, "trained": "both", SEED_KEY: "0"}
                table += [
                    measured(variant, metric, one, x, **told)
                    for metric, one in units.items()
                    for x in (5.0, 10.0, 15.0, 20.0, 25.0)
                ]
    count = 0
    for name in (str(number) for number in range(6, 19)):
        rows = figures.curve_rows(name, table)
        count += found_once("simac", f"simac/figure{name}.csv", rows, tmp_path)
    assert count > 400


def test_claims_of_csc_sa_net_are_those_that_its_figure_has(tmp_path):
    pytest.importorskip("torch")
    from semisac_ml.systems.csc_sa_net import claims

    class AnyField(claims.Field):
        def gain(self, *schemes: object, **told: object) -> Metric:
            return Metric(0.1, 0.05, 0.15, 20)

    field = AnyField(None, "printed", SimpleNamespace(name="test: canyon, junction"), {})
    rows = [one.row() for of in (claims.of_the_paper, claims.of_this_project) for one in of(field)]
    assert found_once("csc_sa_net", "csc_sa_net/claims.csv", rows, tmp_path) > 20


@pytest.mark.parametrize("number", ["4", "5", "6", "gain", "echoes", "sharing"])
def test_points_of_jssc_are_those_that_its_figures_train(number, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from semisac_ml.systems.jssc import figures
    from semisac_ml.systems.jssc.rows import CHANNELS, Place
    from semisac_ml.systems.jssc.trained_figures import METRICS, paper_points

    rows = [
        Place(number, point.axis, channel, point.panel).row(point.variant, point.x, metric, found, seed)
        for channel in CHANNELS
        for point in paper_points(number, channel, 30)
        for metric in METRICS
        for seed in range(3)
        for found in [Metric(0.5, 0.4, 0.6, 10_000)]
    ]
    measures = ("mse", "sensing_accuracy", "echo_only_sensing_accuracy", "animal_accuracy")
    found = dict.fromkeys(measures, Metric(0.5, 0.4, 0.6, 10_000))
    monkeypatch.setattr(figures, "evaluate_bundle", lambda *how: found)
    monkeypatch.setattr(figures.cifar10, "load", lambda part: ([], []))
    monkeypatch.setattr(figures.baselines, "bound_rows", lambda *how: ())
    rows += figures._bundle_rows(number, ["jssc/awgn", "jssc/rayleigh"], None, Console(quiet=True))
    name = f"figure{number}" if number.isdigit() else number
    assert found_once("jssc", f"jssc/{name}.csv", rows, tmp_path) > 0


@pytest.mark.parametrize("name", ["ablation", "aligned", "ratio", "missing"])
def test_trainings_of_vi_beam_are_those_that_its_figures_compare(name, tmp_path):
    pytest.importorskip("torch")
    from semisac_ml.systems.vi_beam.figures import SCORES, SENSOR_FIGURES, missing

    told = {"system": "vi_beam", "figure": name, "value": 0.5, "seed": "0"}
    rows = [
        Result(variant=label, inputs=what, metric=metric, conditions={"light": light}, **told)
        for label in SENSOR_FIGURES[name]
        for what in missing(("camera", "lidar", "radar"))
        for metric in SCORES
        for light in ("all", "day", "dusk", "night")
    ]
    assert found_once("vi_beam", f"vi_beam/street_{name}.csv", rows, tmp_path) > 0


@pytest.mark.parametrize(
    "name", ["ablation", "aligned", "sizes", "ratio", "large-ratio", "labels", "alignment"]
)
def test_trainings_of_vi_beam_on_real_power_are_those_that_its_figures_compare(name, tmp_path):
    pytest.importorskip("torch")
    from semisac_ml.systems.vi_beam.figures import FIGURES

    told = {"system": "vi_beam", "figure": name, "value": 0.5, "inputs": "gps,beams8,history"}
    rows = [
        Result(variant=label, metric=metric, conditions={"split": "by sequence", "scenario": "mean"}, **told)
        for label in FIGURES[name]
        for metric in ("dba", "top1")
    ]
    assert found_once("vi_beam", f"vi_beam/{name.replace('-', '_')}.csv", rows, tmp_path) > 0


@pytest.mark.parametrize("file", ["experts", "street_experts", "costs"])
def test_variants_of_lam_msac_are_those_that_its_figures_compare(file, tmp_path):
    pytest.importorskip("torch")
    from semisac_ml.systems.lam_msac import figures
    from semisac_ml.systems.lam_msac.reproduction import REAL_INPUTS, SETTINGS

    told = {"system": "lam_msac", "figure": file, "value": 0.5}
    place = {"split": "by sequence", "scenario": "mean"}
    compared = {
        "experts": figures.COMPARED,
        "street_experts": figures.COMPARED_OF_SENSORS,
        "costs": figures.COSTED,
    }[file]
    inputs = REAL_INPUTS if file == "experts" else tuple(SETTINGS.values())
    rows = [
        Result(variant=label, inputs=one, metric="dba", conditions=place, **told)
        for label in compared
        for one in inputs
    ]
    if file == "costs":
        rows = [
            Result(variant=label, metric="flops", conditions={"setting": setting}, **told)
            for label in compared
            for setting in figures.COMBINATIONS
        ]
    assert found_once("lam_msac", f"lam_msac/{file}.csv", rows, tmp_path) > 0


def test_what_needs_no_training_fits_in_a_quarter_of_an_hour():
    minutes = {
        command.line: command.minutes
        for paper in PAPERS.values()
        for command in paper.commands
        if not command.hours and command.untrained is not only_in_full
    }
    assert len(minutes) > 6 and sum(minutes.values()) <= 15.0


def test_the_page_needs_neither_pytorch_nor_matplotlib(tmp_path):
    started = "import sys; sys.modules['torch'] = sys.modules['matplotlib'] = None"
    words = ["reproduce", "--results", str(RESULTS), "--page", str(tmp_path / "page.md")]
    line = f"{started}; from semisac_ml.cli import main; main({words!r})"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "## vi_beam" in (tmp_path / "page.md").read_text(encoding="utf-8")
