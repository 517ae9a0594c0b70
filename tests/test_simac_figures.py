# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SIMAC's trainings are measured by and its figures made of: means, bounds, claims, baselines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simac_testing import made_up

from semisac_ml.results import Result
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from semisac_ml.results.averages import over_seeds  # noqa: E402
from semisac_ml.systems.simac import (  # noqa: E402
    averages,
    bounds,
    budget,
    claims,
    figures,
    practitioners,
    shown,
)
from semisac_ml.systems.simac.comparison import (  # noqa: E402
    SEED_KEY,
    SPAN,
    KeptScenes,
    Measured,
    Remembered,
    measure,
)
from semisac_ml.systems.simac.learning_curves import late_fall  # noqa: E402
from semisac_ml.systems.simac.practice import radar_outcome  # noqa: E402
from semisac_ml.systems.simac.samples import STATES, TEST, Limits  # noqa: E402
from semisac_ml.systems.simac.scoring import Outcome  # noqa: E402
from semisac_ml.systems.simac.tensors import EchoSource  # noqa: E402


def row(variant: str, value: float, metric: str = "distance_rmse_m", x: float | None = 5.0, **told: object):
    conditions = {"scene": "one", "fading": "awgn", **{k: str(v) for k, v in told.items()}}
    ends = {"low": value - 1.0, "high": value + 2.0}
    return Result(
        system="simac", figure="snr", variant=variant, conditions=conditions, x=x, metric=metric, value=value,
        n=7, **ends,
    )  # fmt: skip


def seeds(variant: str, values: list[float], metric: str = "distance_rmse_m", **told: object):
    return [row(variant, value, metric, **{SEED_KEY: n}, **told) for n, value in enumerate(values)]


def span(metres: float, scene: str = "one"):
    return row(SPAN, metres, "distance_span_m", None, scene=scene)


def test_seeds_are_averaged_and_their_spread_is_told():
    mean, deviation = over_seeds(seeds("simac", [3.0, 5.0, 7.0]))
    assert (mean.value, mean.low, mean.high, mean.n) == (5.0, 4.0, 7.0, 7)
    assert (deviation.metric, deviation.value, deviation.n) == ("distance_rmse_m_sd", 2.0, 3)
    assert mean.seed == "0 1 2" and SEED_KEY not in mean.conditions
    alone = row("jssc/hifi", 4.0)
    assert over_seeds([alone]) == [alone]


def test_scenes_are_independent():
    both = [row("simac", 3.0), row("simac", 5.0, scene="two")]
    (mean,) = averages.over_scenes(both)
    assert mean.conditions["scene"] == averages.MEAN and mean.value == 4.0 and mean.n == 14
    assert mean.low == pytest.approx(4.0 - 2**0.5 / 2) and mean.high == pytest.approx(4.0 + 2 * 2**0.5 / 2)
    # a system that was measured on one of two scenes has no mean
    assert averages.over_scenes([*both, row("cv-s", 1.0)]) == [mean]
    assert averages.over_scenes(both[:1]) == []
    unknown = replace(both[0], low=None, high=None)
    assert averages.over_scenes([unknown, both[1]])[0].low is None


def test_errors_are_shares_of_each_scenes_own_span():
    rows = [row("simac", 3.0), row("simac", 5.0, scene="two"), span(30.0), span(100.0, "two")]
    found = averages.normalised(rows)
    assert [one.value for one in found] == pytest.approx([0.1, 0.05])
    assert found[0].metric == "distance_rmse" and found[0].low == pytest.approx(2.0 / 30.0)


def test_networks_of_one_task_are_one_system():
    table = [
        *seeds("without ssd: distance", [4.0, 6.0]),
        *seeds("without ssd: picture", [20.0, 22.0], "psnr_db"),
        span(10.0),
    ]
    found = {one.metric: one for one in figures.curve_rows("14", table)}
    assert found["distance_rmse"].value == pytest.approx(0.5) and found["distance_rmse"].figure == "figure14"
    assert found["distance_rmse_m"].variant == "without ssd"
    (picture,) = (one for one in figures.curve_rows("17", table) if one.metric == "psnr_db")
    assert picture.value == 21.0
    with pytest.raises(ValueError, match="figure 6: nothing is measured of simac, cv-s, rs-s"):
        figures.curve_rows("6", table)


def test_a_missing_sensor_belongs_to_its_own_figure():
    table = [
        replace(one, inputs=who) for who in ("camera,radar", "radar") for one in seeds("tuned", [1.0, 2.0])
    ]
    table += [span(10.0)]
    assert {one.inputs for one in figures.curve_rows("6", table)} == {"camera,radar"}
    assert {one.inputs for one in figures.curve_rows("missing_distance", table)} == {"camera,radar", "radar"}


def test_claims_are_met_or_refuted():
    table = [span(10.0), *seeds("simac", [0.4, 0.5]), *seeds("rs-s", [1.0, 1.0]), *seeds("cv-s", [1.0, 2.0])]
    found = {(one.conditions["claim"], one.variant): one for one in claims.claim_rows(table)}
    against = found["RMSE of the distance below rs-s", "simac"]
    assert against.value == pytest.approx(55.0) and against.conditions["verdict"] == "met"
    # Student's interval of 50 and 60 with one degree of freedom
    assert against.high - against.value == pytest.approx(12.706 * 5.0, rel=1e-3)
    camera = found["RMSE of the distance below cv-s", "simac"]
    assert camera.value == pytest.approx(67.5) and camera.conditions["verdict"] == "undecided"
    level = found["normalised RMSE of the distance", "simac"]
    assert level.value == pytest.approx(0.045) and level.conditions["goal"] == "at most 0.01"
    with pytest.raises(ValueError, match="figure claims: nothing that they are about is measured"):
        claims.claim_rows([span(10.0)])


def test_what_a_part_is_worth_is_compared_seed_by_seed():
    table = [span(10.0), *seeds("simac", [1.0, 2.0]), *seeds("lstm", [1.1, 2.2, 9.0])]
    (found,) = figures.ablation_rows(table)
    assert found.value == pytest.approx(10.0) and found.n == 2 and found.unit == "%"
    assert found.low == pytest.approx(10.0) and found.conditions["against"] == "simac"


def test_trainings_for_one_channel_and_for_both_stand_apart():
    both, one = seeds("simac", [1.0], trained="both"), seeds("simac", [3.0], trained="awgn")
    levels = figures.Levels.of([span(10.0), *both, *one], ("simac",))
    found = levels.by_training("simac", "distance_rmse")
    assert found == {"both 0": pytest.approx(0.1), "awgn 0": pytest.approx(0.3)}


def test_what_was_asked_of_the_tuned_network_is_judged():
    whole = [replace(one, inputs="camera,radar") for one in seeds("tuned", [1.0, 1.0])]
    left = [replace(one, inputs="radar") for one in seeds("tuned", [2.06, 2.08])]
    alone = [replace(one, inputs="radar") for one in seeds("tuned, radar", [2.0, 2.0])]
    covered = seeds("tuned", [0.90, 0.92], "angle_coverage")
    covered = [replace(one, inputs="camera,radar") for one in covered]
    table = [span(10.0), *whole, *left, *alone, *covered]
    found = {
        (one.conditions["claim"], one.conditions["goal"]): one
        for one in claims.claim_rows(table)
        if one.variant == "tuned"
    }
    without = found["RMSE of the distance, radar left, above a network trained for it", "at most 5 %"]
    assert without.value == pytest.approx(3.5) and without.n == 2
    named = "coverage of the 90 % interval of the angle"
    least, most = found[f"{named}: no less", "at least 87 %"], found[f"{named}: no more", "at most 93 %"]
    assert least.value == most.value == pytest.approx(91.0)
    level = found["normalised RMSE of the distance", "at most 0.01"]
    assert level.value == pytest.approx(0.1)  # of both sensors


def test_several_targets_of_one_frame_are_shown():
    samples = made_up()
    scenes = KeptScenes([samples])
    (rows,) = shown.of_one_frame(scenes, 2).values()
    frames, counts = np.unique(scenes.test.frame, return_counts=True)
    assert len(rows) == min(2, counts.max())
    assert len({int(scenes.test.frame[row]) for row in rows}) == 1


def test_the_matched_filter_is_near_the_bound(monkeypatch):
    # 60 errors tell a deviation to 9 %, 0.8 dB; 14 to 43 m, above 30 dB
    monkeypatch.setattr(bounds, "BIN_DB", 100.0)
    samples, radar = made_up(), LfmSimoRadar(antennas=6, pulses=32)
    outcome = radar_outcome(samples, TEST, radar)
    found = list(bounds.over_bound(outcome, samples, "matched filter", radar))
    assert [one.metric for one in found] == [f"{task}_over_bound_db" for task in STATES]
    for one in found:
        assert one.n >= 60 and abs(one.value) < 2.4, (one.metric, one.value)


def test_errors_are_divided_by_the_bound_of_their_sample():
    samples = made_up()
    rows = samples.of(TEST)
    least = bounds.bounds(samples, rows)
    states = samples.states[rows] + 2.0 * least
    outcome = Outcome(rows, dict(zip(STATES, states.T, strict=True)))
    for one in bounds.over_bound(outcome, samples, "made up"):
        assert one.value == pytest.approx(20 * np.log10(2.0), abs=1e-6)
    told = {one.metric: one.value for one in bounds.bound_rows(samples, rows, conditions={"scene": "s"})}
    assert told["distance_rmse_m"] == pytest.approx(np.sqrt(np.mean(least[:, 0] ** 2)))
    assert told["angle_rmse_deg"] == pytest.approx(np.degrees(np.sqrt(np.mean(least[:, 1] ** 2))))


class Shifted:
    """A system that knows the truth and adds a tenth of what the training scenes span."""

    def __init__(self, tensors) -> None:
        self.tensors, self.heard, self.place = tensors, [], 0

    def eval(self):
        return self

    def __call__(self, pictures, echoes, state, fading, generator, sensors=None):
        rows = np.arange(self.place, self.place + len(pictures))
        self.place = int(rows[-1] + 1) % len(self.tensors.samples)
        self.heard.append(echoes)
        truth = self.tensors.batch(rows, np.random.default_rng(9)).truth
        return {task: truth[task] + 0.1 for task in STATES}


def test_a_network_of_two_scenes_is_measured_on_each():
    near, far = (replace(made_up(8, scale), name=name) for scale, name in ((0.5, "near"), (1.0, "far")))
    scenes = KeptScenes([near, far])
    assert len(scenes.test) == len(near.of(TEST)) + len(far.of(TEST))
    systems = [Shifted(scenes.tensors(pixels, 2 * pixels, EchoSource())) for pixels in (16, 32)]
    for system in systems:
        rows = measure(
            Measured("simac", "awgn", system, system.tensors, scenes, (), "3"), 15.0, "awgn", "none"
        )
        whole = Limits.of(scenes.samples)
        found = {(one.conditions["scene"], one.metric): one for one in [*rows, *scenes.spans()]}
        for name, own in (("near", near), ("far", far)):
            one = found[name, "distance_rmse_m"]
            assert one.value == pytest.approx(0.1 * (whole.high - whole.low)[0], rel=1e-3)
            assert one.n == len(np.unique(own.group[own.of(TEST)])) and one.conditions[SEED_KEY] == "3"
            limits = Limits.of(own)
            assert found[name, "distance_span_m"].value == pytest.approx((limits.high - limits.low)[0])
        share = [one.value for one in averages.normalised([*rows, *scenes.spans()])]
        assert share[0] > 0.1 * 1.5 and len(share) == 6  # of the near scene, whose span is half
    # systems of other sizes hear the same echoes
    for one, other in zip(systems[0].heard, systems[1].heard, strict=True):
        assert torch.equal(one, other)
    # which are those of their own samples
    clean = EchoSource().radar
    last = systems[0].heard[-1][-1].numpy()
    power = np.square(last).sum(axis=-1).mean()
    expected = 1.0 + clean.snr(float(scenes.test.distance_m[-1])) / last[..., 0].size
    assert power == pytest.approx(expected, rel=0.15)


def test_what_does_not_hear_of_the_channel_is_made_once():
    calls = []

    class Counted(torch.nn.Module):
        def forward(self, pictures, echoes):
            calls.append(len(pictures))
            return pictures.sum(dim=1) + echoes.sum(dim=1)

    both = Remembered(Counted())
    pictures, echoes = torch.rand(4, 3), torch.rand(4, 2)
    for first, last in ((0, 4), (0, 2), (2, 4), (0, 4), (2, 4)):
        part = slice(first, last)
        assert torch.equal(both(pictures[part], echoes[part]), pictures[part].sum(1) + echoes[part].sum(1))
    assert calls == [4, 2, 2]


def test_pictures_that_are_sent_without_simac(monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(practitioners, "PICTURES", 4)
    samples = made_up()
    sent = practitioners.SentPictures(samples, "tuned", 56, lambda snr_db: 3136)
    assert sent.true.shape == (4, 56, 56, 3)
    found = {(one.variant, one.x, one.metric): one.value for one in sent.measured([-5.0, 15.0], "rayleigh")}
    for name in (*practitioners.SHOWN, practitioners.HIFI, f"{practitioners.HIFI}, of the box"):
        assert found[name, 15.0, "psnr_db"] > found[name, -5.0, "psnr_db"] + 3.0, name
        assert 0.0 < found[name, 15.0, "ssim"] <= 1.0
    ideal = found["JPEG + ideal code", -5.0, "psnr_db"]
    assert ideal > found["JPEG + polar code, best mode", -5.0, "psnr_db"]


def test_repetition_raises_the_snr_of_the_picture_code():
    class Listening:
        def reconstruct(self, pictures, snr_db, sent, channel, seed, gains):
            self.told = snr_db, sent, gains
            return pictures / 255.0

    code = Listening()
    pictures = np.full((2, 56, 56, 3), 80, np.uint8)
    sent = practitioners.SentPictures(made_up(), "tuned", 56, lambda snr_db: 3136)
    for snr_db, told_db in ((5.0, 5.0 + 10 * np.log10(2)), (25.0, 20.0)):
        found = sent._through_hifi(code, pictures, snr_db, "awgn", np.ones((2, 3136)))
        assert np.array_equal(found, pictures)
        assert code.told[0] == pytest.approx(told_db) and code.told[2].shape == (2, 1568)
        heard_db = code.told[0] + 10 * np.log10(code.told[2][0, 0])
        assert heard_db == pytest.approx(snr_db + 10 * np.log10(2))
    assert sent._through_hifi(code, pictures, 5.0, "awgn", np.ones((2, 1000))) is None


def test_the_budget_is_that_of_the_equations():
    found = {
        (one.variant, one.metric, one.conditions.get("time", "")): one
        for one in budget.budget_rows()
        if one.x == 25.0
    }
    whole, shannon = 49 * 384 * 4, 1e3 * np.log2(1 + 10**2.5)
    assert found["simac, paper", "bits", ""].value == whole
    assert found["simac, paper", "transmission_s", budget.SHANNON].value == pytest.approx(whole / shannon)
    assert found["simac, paper", "transmission_s", budget.SENT].value == pytest.approx(whole / 4 / 1e3)
    execution = found["simac, paper", "execution_s", budget.SENT].value
    assert execution - whole / 4 / 1e3 == pytest.approx((0.68 + 0.44 + 0.35) * 1e-3)
    assert found["tuned", "transmission_s", budget.SENT].value == pytest.approx(3.136)


def test_a_training_that_was_still_falling():
    assert late_fall([10.0, 5.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]) == 0.0
    assert late_fall([10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 0.0]) == pytest.approx(0.3)
    assert late_fall([1.0, 2.0]) == 0.0 and late_fall([float("nan"), 1.0]) == 0.0
