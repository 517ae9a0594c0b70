# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""CSC-SA-Net's figures from trainings: drives, intervals, what is shared and kept, the command line."""

from __future__ import annotations

import io
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from csc_sa_testing import pictures_of, tiny_settings  # noqa: E402
from rich.console import Console  # noqa: E402

from semisac_ml.cli.program import run as semisac  # noqa: E402
from semisac_ml.data.scenes.mimo_paths import write_mimo_paths  # noqa: E402
from semisac_ml.results import read_results  # noqa: E402
from semisac_ml.signal.mimo_ofdm import MimoOfdm, drawn_paths  # noqa: E402
from semisac_ml.systems.csc_sa_net import claims, comparison, figures, stages  # noqa: E402
from semisac_ml.systems.csc_sa_net.comparison import Bench, Point, Scenes, Scheme, difference, resampled  # noqa: E402
from semisac_ml.systems.csc_sa_net.faults import Faults  # noqa: E402
from semisac_ml.systems.csc_sa_net.learning_curves import late_rise  # noqa: E402
from semisac_ml.systems.csc_sa_net.samples import PictureOptions  # noqa: E402
from semisac_ml.systems.csc_sa_net.scores import mean_iou  # noqa: E402
from semisac_ml.systems.csc_sa_net.settings import CscSaSettings  # noqa: E402
from semisac_ml.systems.csc_sa_net.stages import Pictures  # noqa: E402
from semisac_ml.systems.csc_sa_net.training import CscSaTraining, best_file, train  # noqa: E402

QUICK = CscSaTraining(
    variant="tuned",
    semantic_epochs=1,
    beam_epochs=1,
    beam_steps=1,
    joint_epochs=1,
    batch=4,
    beam_batch=4,
)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setattr(CscSaSettings, "named", staticmethod(tiny_settings))
    monkeypatch.setattr(stages, "DRAWS", 16)
    monkeypatch.setattr(comparison, "REPLICATES", 50)


def street(names: list[str], **told: dict[str, str]) -> Scenes:
    return Scenes("test", replace(pictures_of(len(names)), names=tuple(names), drives_told=told))


def counts_of(hits: list[int], of: int = 100) -> np.ndarray:
    """Drives of two classes, half of the pixels each; of each class so many are found."""
    return np.array([[[hit, of - hit], [of - hit, hit]] for hit in hits])


def test_drives_and_times_follow_from_names():
    scenes = street(
        ["0007001D", "0003000N", "0007002D", "0003001N"],
        **{"0003": {"time": "night", "layout": "canyon"}, "0007": {"time": "dusk", "layout": "avenue"}},
    )
    assert scenes.drives == ["0003", "0007"] and scenes.part.layouts == "avenue, canyon"
    assert scenes.part.times == ["dusk", "night", "dusk", "night"]
    assert scenes.at("dusk").tolist() == [False, True] and not scenes.at("day").any()
    found = scenes.by_drive(np.arange(4)[:, None, None] * np.ones((4, 2, 2), np.int64))
    assert found[:, 0, 0].tolist() == [1 + 3, 0 + 2]
    mfnet = street(["00001D", "00002N"])
    assert mfnet.drives == ["00001D", "00002N"] and mfnet.part.times == ["day", "night"]


def test_intervals_come_from_drives():
    """Drives that are alike have none; of a share that is 0 or 1 drive by drive it is the binomial one."""
    alike = resampled([counts_of([80] * 5)], mean_iou)
    assert (alike.low, alike.value, alike.high) == pytest.approx([80 / 120] * 3) and alike.n == 5

    def share(counts: np.ndarray) -> float:
        return counts[0, 0] / counts[0].sum()

    found = resampled([counts_of([0, 100] * 50)], share)
    assert found.value == 0.5 and found.high - found.low == pytest.approx(2 * 1.96 * 0.05, rel=0.35)
    # trainings meet the same drives: what is the same in both does not come into a difference
    low, high = counts_of([10, 50, 90] * 4), counts_of([20, 60, 100] * 4)
    gain = difference([high], [low], share)
    assert (gain.low, gain.value, gain.high) == pytest.approx([0.1] * 3)
    assert difference([low, high], [low, high], mean_iou).value == 0.0
    assert resampled([low, high], share).value == pytest.approx(0.55)


def test_resources_are_the_same_for_all(tmp_path):
    """At Q = 4 separated users have three symbols of data; at Q = 1 one, which costs a third or one more."""
    schemes = {
        one: Scheme(one, tmp_path, QUICK.replaced(variant=one))
        for one in ("tuned", "separated", "separated authors")
    }
    assert [schemes["tuned"].data_symbols(one) for one in (1, 4)] == [1, 4]
    for name, costs in (("separated", [2, 4]), ("separated authors", [4 / 3, 4])):
        scheme = schemes[name]
        assert [scheme.data_symbols(one) for one in (1, 4)] == [1, 3]
        assert [scheme.spent(scheme.data_symbols(one)) for one in (1, 4)] == pytest.approx(costs)
    assert [schemes["tuned"].fits(Point(symbols=one)) for one in (5, 6)] == [True, False]
    assert schemes["separated"].fits(Point(symbols=7))
    assert not schemes["tuned"].fits(Point(feedback_bits=3)) and not schemes["tuned"].fits(Point(pilots=9))


def test_recorded_channels_are_those_that_were_recorded(tmp_path):
    cell, generator = MimoOfdm(), torch.Generator().manual_seed(0)
    stored = drawn_paths(cell, 5, 0, 3)
    write_mimo_paths(tmp_path / "paths.npz", stored)
    found = comparison.recorded(tmp_path / "paths.npz", cell)(40, generator)
    gains = torch.as_tensor(stored.gain).to(torch.complex64)
    places = [(gains == one).all(dim=(1, 2)).nonzero().flatten().tolist() for one in found.gain]
    assert {tuple(one) for one in places} == {(0,), (1,), (2,)}  # each as it is, all of them drawn
    delays = torch.as_tensor(stored.delay_s).float()
    assert all(torch.equal(own, delays[place]) for own, (place,) in zip(found.delay_s, places, strict=True))
    other = drawn_paths(cell, 6, 0, 3)
    assert comparison.Recorded(other).fingerprint != comparison.Recorded(stored).fingerprint


def test_late_rise():
    assert late_rise([0.0, 0.5, 0.8, 0.9, 1.0]) == pytest.approx(0.1)
    assert late_rise([0.0, 1.0, 0.9, 0.9, 0.9]) == 0.0 and late_rise([0.5]) == 0.0


@pytest.mark.slow
def test_trainings_share_encoders_and_beams(tmp_path, monkeypatch):
    pictures = Pictures(pictures_of(8, 1), pictures_of(4, 2), 4, folder=tmp_path / "first")
    console = Console(file=io.StringIO())
    first = train(QUICK, "1", tmp_path / "first", console, pictures=pictures)
    beams = train(QUICK, "2", tmp_path / "first", console)
    other = QUICK.replaced(
        variant="separated", encoders=tmp_path / "first", beams=tmp_path / "first", precision="bfloat16"
    )
    second = train(other, "1", tmp_path / "second", console, pictures=pictures)
    for own, given in zip(second.user_fusion, first.user_fusion, strict=True):
        same = zip(own.encoder.state_dict().values(), given.encoder.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in same)
    kept = sorted(file.name for file in (tmp_path / "first").glob("semantics-*"))
    assert len(kept) == 2
    taken = train(other, "2", tmp_path / "second", console)
    assert torch.equal(taken.pilots.station_phases, beams.pilots.station_phases)
    monkeypatch.setattr(stages, "source_semantics", None)  # what is kept is not made again
    train(other, "3", tmp_path / "second", console, pictures=pictures)
    assert best_file(tmp_path / "second", "3").is_file()
    plain = other.replaced(variant="csc-sa-net")
    with pytest.raises(ValueError, match="networks of another form, expected those of this variant"):
        train(plain, "2", tmp_path / "third", console)


def test_another_process_has_a_bench_of_its_own(tmp_path):
    bench = Bench(PictureOptions(data=tmp_path), tmp_path / "held out", 2, 3, tmp_path / "paths")
    sent = pickle.dumps(bench)
    other = pickle.loads(sent)
    assert other is not bench and other is pickle.loads(sent)  # which keeps what it has read
    for name in ("data", "held_out", "draws", "seed", "paths"):
        assert getattr(other, name) == getattr(bench, name)


@pytest.mark.slow
def test_figures_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    runs, results = tmp_path / "runs", tmp_path / "results"
    short = ["--semantic-epochs", "1", "--beam-epochs", "1", "--beam-steps", "1", "--joint-epochs", "1"]
    short += ["--batch", "4", "--beam-batch", "4", "--data", "sample"]
    shared = ["--encoders", str(runs / "tuned"), "--beams", str(runs / "tuned")]
    for name, words in {
        "tuned": ["--variant", "tuned"],
        "orthogonal": ["--variant", "tuned", "--access", "orthogonal", *shared],
        "thermal": ["--variant", "tuned thermal", *shared],
        "colour": ["--variant", "tuned colour", *shared],
        "separated": ["--variant", "separated", *shared],
        "acquisition": ["--variant", "separated acquisition", *shared[:2]],
        "scratch": ["--variant", "tuned", "--from-scratch"],
    }.items():
        assert semisac(["train", "csc_sa_net", *words, *short, "--run", str(runs / name)]) == 0
    told = ["--runs", str(runs), "--results", str(results), "--channels", "4", "--held-out", "sample"]
    few = [("thermal weaker by (dB)", one, Faults(1, weaker_db=one)) for one in (6.0, math.inf)]
    monkeypatch.setattr(claims, "POINTS", claims.POINTS[:4])
    monkeypatch.setattr(figures, "variations", lambda: iter(few))
    names = ("8", "11", "12", "training", "modalities", "variations", "spectral_efficiency", "claims")
    drawn = [word for name in names for word in ("--figure", name)]
    assert semisac(["evaluate", "csc_sa_net", *told, *drawn, "--processes", "1"]) == 0
    rows = read_results(results / "figure8.csv")
    assert {row.variant for row in rows} == {
        *("tuned", "tuned, no channel", "tuned, orthogonal", "separated, beams of CSC-SA-Net"),
        *("separated, PCA, channel known", "separated, PCA, likeliest path"),
        *("separated, PCA, learned acquisition", "separated, learned precoder, channel known"),
        *("separated, learned precoder, learned acquisition", "tuned, from scratch"),
    }
    swept = [row for row in rows if row.variant == "tuned" and row.metric == "miou"]
    assert {row.x for row in swept} == {1, 2, 4, 8} and {row.conditions["symbols"] for row in swept} == {
        "1",
        "4",
    }
    assert len({row.conditions["scenes"] for row in swept}) == 2  # held out ones stand apart
    assert all(str(tmp_path) not in row.command and "--figure 8 --runs RUNS" in row.command for row in rows)
    by_symbols = read_results(results / "figure11.csv")
    assert {row.x for row in by_symbols if row.variant == "separated, beams of CSC-SA-Net"} == {2, 3, 4, 6, 7}
    by_time = read_results(results / "modalities.csv")
    assert {"tuned", "tuned thermal", "tuned colour"} <= {row.variant for row in by_time}
    assert {row.conditions["time"] for row in by_time} == {"night", "all", "day"}
    rates = read_results(results / "spectral_efficiency.csv")
    rated = {row.variant for row in rates}
    assert {"tuned", "PCA", "OMP, first path", "learned precoder, channel known"} <= rated
    assert not {"separated, beams of CSC-SA-Net", "tuned, from scratch"} & rated  # those are tuned's, or none
    at = {
        (row.variant, row.metric): row.value for row in rates if row.axis == "CSI-RS symbols L" and row.x == 8
    }
    assert at["PCA, shared combiner", "of_shared_pca"] == 1.0
    assert at["PCA", "of_shared_pca"] * at["PCA, shared combiner", "of_pca"] == pytest.approx(1.0, rel=1e-4)
    logged = read_results(results / "training.csv")
    epochs = [row for row in logged if row.metric == "epochs"]
    assert len(epochs) == 6 + 2 + 7  # of stages 1, 2 and 3; one has the last alone, four took their beams
    assert {row.variant for row in epochs} == {
        *("tuned", "tuned, orthogonal", "tuned thermal", "tuned colour", "tuned, from scratch"),
        *("separated", "separated acquisition"),
    }
    seconds = [row.value for row in logged if row.metric == "seconds"]
    assert len(seconds) == len(epochs) and min(seconds) > 0.0
    varied = [row for row in read_results(results / "variations.csv") if row.metric == "miou"]
    assert {row.x for row in varied} == {0.0, 6.0, None}
    assert {row.conditions.get("missing") for row in varied} == {"thermal", None}
    claimed = {row.conditions["claim"]: row for row in read_results(results / "claims.csv")}
    assert {"non-orthogonal above orthogonal at Q = 1, L < 4", "both above colour alone"} <= set(claimed)
    assert {
        "share of PCA above that of least squares, L = 1",
        "three stages above one at -25 dB, Q = 4",
    } <= set(claimed)
    assert all(
        (row.low > float(row.conditions["goal"].split()[1])) == (row.conditions["verdict"] == "met")
        for row in claimed.values()
    )
    for name in ("figure8_printed", "figure11_printed", "figure12", "modalities", "training"):
        assert (results / f"{name}.png").stat().st_size > 10_000
    # recorded paths: those of a file, beside what was counted over drawn ones
    place = tmp_path / "paths.npz"
    write_mimo_paths(place, drawn_paths(MimoOfdm(), 5, 0, 3))
    over = ["--runs", str(runs / "tuned"), "--results", str(tmp_path / "over"), "--paths", str(place)]
    assert semisac(["evaluate", "csc_sa_net", *over, "--figure", "8", "--processes", "1"]) == 0
    over_them = [row for row in read_results(tmp_path / "over" / "figure8.csv") if row.x is not None]
    assert {row.conditions["scenes"].partition(":")[0] for row in over_them} == {"test, recorded channels"}
    assert all("--paths PATHS" in row.command and str(tmp_path) not in row.command for row in over_them)
    # what was counted is read
    monkeypatch.setattr(comparison, "measured", None)
    assert semisac(["evaluate", "csc_sa_net", *told, "--figure", "8"]) == 0
    assert [row.value for row in read_results(results / "figure8.csv")] == [row.value for row in rows]
    capsys.readouterr()
    assert semisac(["evaluate", "csc_sa_net", "--figure", "8"]) == 2
    assert "no training is given, expected --runs" in capsys.readouterr().err
    assert semisac(["evaluate", "csc_sa_net", "--figure", "8", "--runs", str(results)]) == 2
    assert "holds no finished training of csc_sa_net" in capsys.readouterr().err
