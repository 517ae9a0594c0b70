# SPDX-License-Identifier: GPL-3.0-or-later
"""Baselines and bounds of the joint link on the real images, and the pictures drawn of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from semisac_ml.data import DataError, cifar10
from semisac_ml.parallel import Workers
from semisac_ml.results import read_results, write_results
from semisac_ml.signal.metrics import proportion
from semisac_ml.systems.jssc import baselines, drawing, figures
from semisac_ml.systems.jssc.rows import Place


@pytest.fixture(scope="module")
def needs_cifar10() -> None:
    try:
        cifar10.find_root()
    except DataError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.usefixtures("needs_cifar10")
@pytest.mark.parametrize(
    ("channel", "linear", "gaussian"), [("awgn", 15.77, 16.25), ("rayleigh", 14.97, 15.52)]
)
def test_reconstruction_references_at_three_decibels(channel: str, linear: float, gaussian: float) -> None:
    # figures of an independent computation on the same training set, rounded to 0.01 dB
    assert baselines.linear_code_psnr_db(channel, 20, 3.0) == pytest.approx(linear, abs=0.03)
    assert baselines.gaussian_psnr_db(channel, 20, 3.0) == pytest.approx(gaussian, abs=0.03)


def test_presence_ceilings_at_three_decibels() -> None:
    # 99.81 and 90.88 % without a Doppler shift, 99.7 and 89.9 % with one within 0.05 cycles a symbol
    assert baselines.range_ceiling("awgn", 20, 3.0) == pytest.approx(0.997, abs=1e-3)
    assert baselines.range_ceiling("rayleigh", 20, 3.0) == pytest.approx(0.899, abs=2e-3)
    assert baselines.range_ceiling("rayleigh", 20, 3.0, 2) == pytest.approx(0.64, abs=0.01)
    # 84.4 % of two hops without a Doppler shift
    both_hops = baselines.range_ceiling("rayleigh", 20, 3.0, fading="two_hop_rayleigh")
    assert 0.83 < both_hops < 0.844


@pytest.mark.slow
@pytest.mark.usefixtures("needs_cifar10")
@pytest.mark.parametrize("figure", ["ranges", "echo_alone"])
def test_figures_do_not_depend_on_the_number_of_processes(figure: str, tmp_path: Path) -> None:
    found = []
    for processes in (1, 2):
        how = tmp_path / str(processes), tmp_path, None, 1, None, 50, Console(quiet=True)
        file, picture = figures.draw(figure, ["jssc/awgn"], *how, Workers(processes))
        found.append([(row.place, row.value) for row in read_results(file)])
        assert picture.is_file()
    assert found[0] == found[1] and len(found[0]) >= 12


@pytest.mark.parametrize("panels", [[""], ["amplitude only", "n = 4"]])
def test_rows_are_drawn_and_written(panels: list[str], tmp_path: Path) -> None:
    rows = [
        Place("snr", "SNR in dB", channel, panel).row("bundle", x, "class_accuracy", proportion(80 + x, 100))
        for panel in panels
        for channel in drawing.CHANNELS
        for x in (0, 3)
    ]
    text = write_results(tmp_path / "trial.csv", rows).read_text()
    assert text.count("\n") == 1 + len(rows) and "0.83," in text
    assert drawing.draw_rows(rows, tmp_path / "trial.png").read_bytes().startswith(b"\x89PNG")
