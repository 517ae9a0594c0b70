# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits of detection against independently computed figures, each other, and Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from semisac_ml.signal import channel, detection, posterior

SNR_DB = np.array([-20.0, -10.0, 0.0, 3.0, 10.0])
# Per cent correct for n = 20, P(target) = 1/2, computed beforehand with other programs.
TABLE = {
    detection.presence_accuracy_awgn: (58.9, 76.0, 98.7, 99.92, 100),
    detection.presence_accuracy_unknown_phase: (51.8, 64.7, 97.3, 99.81, 100),
    detection.presence_accuracy_rayleigh: (51.8, 62.5, 85.8, 90.88, 97.3),
    detection.presence_accuracy_rayleigh_known_gain: (57.8, 72.4, 92.3, 95.6, 99.0),
    detection.presence_accuracy_two_hop_rayleigh: (51.7, 60.4, 79.1, 84.4, 93.2),
    detection.energy_accuracy_awgn: (50.6, 56.0, 88.0, 97.7, 100),
    detection.energy_accuracy_rayleigh: (50.6, 55.7, 77.0, 84.4, 95.0),
}
ROC = [
    (detection.roc_awgn, detection.presence_accuracy_awgn),
    (detection.roc_unknown_phase, detection.presence_accuracy_unknown_phase),
    (detection.roc_rayleigh, detection.presence_accuracy_rayleigh),
    (detection.roc_two_hop_rayleigh, detection.presence_accuracy_two_hop_rayleigh),
    (detection.roc_energy_awgn, detection.energy_accuracy_awgn),
    (detection.roc_energy_rayleigh, detection.energy_accuracy_rayleigh),
]


@pytest.mark.parametrize("accuracy", TABLE, ids=lambda f: f.__name__)
def test_table(accuracy):
    # one digit after the point, some of it from simulation
    tolerance = 0.12 if accuracy is detection.energy_accuracy_rayleigh else 0.06
    assert np.abs(100 * accuracy(20, SNR_DB) - TABLE[accuracy]).max() < tolerance


def test_stated_closed_forms():
    snr = 10 ** (SNR_DB / 10)
    for n in (2, 20, 64):
        rho = n / 2 * snr
        assert detection.presence_accuracy_awgn(n, SNR_DB) == pytest.approx(
            stats.norm.cdf(np.sqrt(n * snr) / 2)
        )
        rayleigh = 0.5 * (1 + (1 + rho) ** (-1 / rho) * rho / (1 + rho))
        assert detection.presence_accuracy_rayleigh(n, SNR_DB) == pytest.approx(rayleigh)


@pytest.mark.parametrize("accuracy", TABLE, ids=lambda f: f.__name__)
@pytest.mark.parametrize("n", [2, 20, 64])
def test_accuracy_lies_between_guessing_and_certainty_and_grows(accuracy, n):
    for prior in (0.1, 0.5, 0.9):
        values = accuracy(n, np.linspace(-40, 20, 13), prior)
        assert (values >= max(prior, 1 - prior) - 1e-6).all()
        assert (values <= 1 + 1e-9).all()
        assert (np.diff(values) >= -1e-6).all()


def test_two_reals_leave_nothing_but_energy():
    # with a single symbol the matched filter's envelope is the energy
    for knows, energy in (
        (detection.presence_accuracy_unknown_phase, detection.energy_accuracy_awgn),
        (detection.presence_accuracy_rayleigh, detection.energy_accuracy_rayleigh),
    ):
        assert knows(2, SNR_DB) == pytest.approx(energy(2, SNR_DB), abs=1e-9)


@pytest.mark.parametrize(("roc", "accuracy"), ROC, ids=lambda f: f.__name__)
def test_best_point_of_the_roc_is_the_accuracy(roc, accuracy):
    false_alarm = np.geomspace(1e-9, 1, 20_001)
    for snr_db in (-10.0, 3.0):
        best = (0.5 * (1 - false_alarm + roc(20, snr_db, false_alarm))).max()
        assert best == pytest.approx(accuracy(20, snr_db), abs=2e-6)


@pytest.mark.parametrize(("roc", "accuracy"), ROC, ids=lambda f: f.__name__)
def test_roc_runs_from_corner_to_corner(roc, accuracy):
    ends = roc(20, 3.0, np.array([0.0, 1.0]))
    assert ends == pytest.approx([0.0, 1.0], abs=1e-9)


@pytest.mark.parametrize(
    ("fading", "random_phase", "accuracy"),
    [
        ("none", False, detection.presence_accuracy_awgn),
        ("none", True, detection.presence_accuracy_unknown_phase),
        ("rayleigh", False, detection.presence_accuracy_rayleigh),
        ("two_hop_rayleigh", False, detection.presence_accuracy_two_hop_rayleigh),
    ],
)
@pytest.mark.parametrize("prior", [0.5, 0.2])
def test_decisions_of_the_posterior_reach_the_closed_form(fading, random_phase, accuracy, prior):
    frames, snr_db = 20_000, -3.0
    sent = np.ones((frames, 10))
    options = {"sensing_snr_db": snr_db, "fading": fading, "random_phase": random_phase}
    echo, truth = channel.echo_channel(sent, target_probability=prior, seed=21, **options)
    decided = detection.range_posterior(echo, sent, target_probability=prior, **options).argmax(axis=1)
    expected = accuracy(20, snr_db, prior)
    assert abs((decided == truth).mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / frames)


def test_known_rayleigh_gain_by_monte_carlo():
    frames, snr_db, prior = 20_000, -3.0, 0.3
    generator = np.random.default_rng(4)
    gain = generator.standard_normal((frames, 2)) @ [1, 1j] / np.sqrt(2)
    truth = generator.random(frames) < prior
    noise = generator.standard_normal((frames, 10, 2)) @ [1, 1j] / np.sqrt(2)
    sent = np.ones((frames, 10))
    echo = noise + (truth * gain)[:, None] * 10 ** (snr_db / 20) * sent
    found = detection.range_posterior(
        echo, sent, sensing_snr_db=snr_db, fading="rayleigh", gain=gain, target_probability=prior
    ).argmax(axis=1)
    expected = detection.presence_accuracy_rayleigh_known_gain(20, snr_db, prior)
    assert abs((found == truth).mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / frames)


@pytest.mark.parametrize(
    ("fading", "expected"), [("none", (51.1, 62.6, 96.3, 99.7)), ("rayleigh", (51.7, 60.3, 84.4, 89.9))]
)
def test_table_with_frequency_offset(fading, expected):
    # the table's own figures come from simulation: half a point
    for snr_db, value in zip(SNR_DB, expected, strict=False):
        found = detection.presence_accuracy_frequency_offset(20, snr_db, 0.05, fading, frames=20_000)
        assert abs(100 * found.value - value) < 0.7


def test_frequency_offset_of_nothing_is_unknown_phase():
    found = detection.presence_accuracy_frequency_offset(20, -3.0, 1e-9, frames=20_000)
    deviation = (found.high - found.low) / 3.92
    assert abs(found.value - detection.presence_accuracy_unknown_phase(20, -3.0)) < 4 * deviation


@pytest.mark.parametrize(
    ("fading", "delay", "expected"),
    [
        ("none", 0, (99.9, 87.3, 64.5, 37.3)),
        ("rayleigh", 0, (90.9, 64.9, 41.6, 23.4)),
        ("none", 10, (99.9, 99.1, 91.7, 64.0)),
        ("rayleigh", 10, (90.9, 84.3, 70.3, 44.0)),
    ],
)
def test_table_of_ranges(fading, delay, expected):
    for ranges, value in zip((1, 2, 4, 8), expected, strict=True):
        found = detection.range_accuracy(
            20, 3.0, ranges, fading=fading, delay_symbols_per_range=delay, frames=10_000
        )
        # deviation of this estimate, and as much again for the table's own
        assert abs(100 * found.value - value) < 0.1 + 100 * 4 * np.sqrt(2) * (found.high - found.low) / 3.92


@pytest.mark.parametrize("fading", ["none", "rayleigh"])
@pytest.mark.parametrize("gain_known", [False, True])
def test_posterior_is_the_ratio_of_gaussian_densities(fading, gain_known):
    """Against the densities of the whole echo, copies overlapping by all but three samples a range."""
    generator = np.random.default_rng(7)
    uses, ranges, delay, snr_db = 6, 3, 3, 2.0
    samples = channel.echo_samples(uses, ranges, delay)
    sent = generator.standard_normal((1, uses, 2)) @ [1, 1j]
    echo = generator.standard_normal((1, samples, 2)) @ [1, 1j]
    gain = np.array([0.4 - 1.1j])
    prior = np.array([0.4, 0.3, 0.2, 0.1])
    logarithms = [-(np.abs(echo) ** 2).sum()]
    for index, level_db in enumerate(channel.range_snr_db(snr_db, ranges)):
        copy = np.zeros(samples, complex)
        copy[index * delay : index * delay + uses] = 10 ** (level_db / 20) * sent[0]
        if fading == "rayleigh" and not gain_known:
            covariance = np.eye(samples) + np.outer(copy, copy.conj())
            form = (echo[0].conj() @ np.linalg.solve(covariance, echo[0])).real
            logarithms.append(-form - np.linalg.slogdet(covariance)[1])
        else:
            logarithms.append(-(np.abs(echo[0] - (gain[0] if gain_known else 1) * copy) ** 2).sum())
    expected = prior * np.exp(np.array(logarithms) - max(logarithms))
    found = detection.range_posterior(
        echo,
        sent,
        sensing_snr_db=snr_db,
        ranges=ranges,
        delay_symbols_per_range=delay,
        fading=fading,
        prior=prior,
        gain=gain if gain_known else None,
    )
    assert found[0] == pytest.approx(expected / expected.sum(), rel=1e-9)


def test_posterior_is_calibrated_for_overlapping_copies():
    frames = 20_000
    options = {"sensing_snr_db": 3.0, "ranges": 4, "delay_symbols_per_range": 2, "fading": "two_hop_rayleigh"}
    sent = np.exp(2j * np.pi * np.random.default_rng(1).random((frames, 10)))
    echo, truth = channel.echo_channel(sent, target_probability=0.6, seed=5, **options)
    found = detection.range_posterior(echo, sent, target_probability=0.6, **options)
    assert found.sum(axis=1) == pytest.approx(np.ones(frames))
    right = found.argmax(axis=1) == truth
    assert abs((found.max(axis=1) - right).mean()) < 4 * 0.5 / np.sqrt(frames)


def test_mean_overexponential_nodes_is_exact_enough():
    nodes = np.array(posterior.exponential_nodes())
    for power, moment in ((0, 1), (1, 1), (2, 2), (3, 6)):
        assert (nodes[:, 1] * nodes[:, 0] ** power).sum() == pytest.approx(moment, rel=1e-4)


def test_certain_prior_is_kept():
    echo, _ = channel.echo_channel(np.ones((5, 4)), sensing_snr_db=20.0, hypothesis=1)
    found = detection.range_posterior(echo, np.ones((5, 4)), sensing_snr_db=20.0, target_probability=0.0)
    assert np.array_equal(found, np.tile([1.0, 0.0], (5, 1)))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="n is 3"):
        detection.presence_accuracy_awgn(3, 0.0)
    with pytest.raises(ValueError, match="prior"):
        detection.presence_accuracy_rayleigh(20, 0.0, prior=1.0)
    with pytest.raises(ValueError, match="echo has shape"):
        detection.range_posterior(
            np.zeros((2, 10)), np.zeros((2, 10)), sensing_snr_db=0.0, ranges=2, delay_symbols_per_range=1
        )
    with pytest.raises(ValueError, match="prior"):
        detection.range_posterior(np.zeros((2, 10)), np.zeros((2, 10)), sensing_snr_db=0.0, prior=np.ones(3))
    with pytest.raises(ValueError, match="fading"):
        detection.range_posterior(np.zeros((2, 10)), np.zeros((2, 10)), sensing_snr_db=0.0, fading="rice")


def _unit(words: int, seed: int) -> np.ndarray:
    """Words of ten complex symbols, without structure, of unit mean power."""
    found = np.random.default_rng(seed).standard_normal((words, 10, 2)) @ np.array([1.0, 1.0j])
    return found / np.sqrt((np.abs(found) ** 2).mean(axis=1, keepdims=True))


@pytest.mark.parametrize("fading", ["none", "rayleigh"])
def test_who_knows_a_code_of_one_word_knows_what_was_sent(fading):
    word = _unit(1, 0)
    told = {"sensing_snr_db": -2.0, "fading": fading, "max_frequency_offset": 0.05}
    echo, hypothesis = channel.echo_channel(np.repeat(word, 2000, axis=0), random_phase=True, seed=1, **told)
    found = posterior.code_book_accuracy(word, echo, hypothesis, frequency_nodes=24, **told)
    best = posterior.range_posterior(echo, np.repeat(word, 2000, axis=0), random_phase=True, **told)
    assert found.value == np.mean((best[:, 1] > 0.5) == (hypothesis > 0))


def test_a_code_without_structure_helps_no_more_than_the_energy():
    told = {"sensing_snr_db": 0.0}
    echo, hypothesis = channel.echo_channel(_unit(1500, 1), random_phase=True, seed=2, **told)
    found = posterior.code_book_accuracy(_unit(20_000, 3), echo, hypothesis, **told)
    best = detection.energy_accuracy_awgn(20, 0.0)
    assert abs(found.value - best) < 3 * np.sqrt(best * (1 - best) / 1500) + 0.01
