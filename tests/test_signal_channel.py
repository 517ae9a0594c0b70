# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reference channels: labelled SNR, fading, delay, Doppler, truth."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal import channel


def unit_symbols(frames: int, uses: int, seed: int = 5) -> np.ndarray:
    """Constant-modulus symbols of random phase."""
    return np.exp(2j * np.pi * np.random.default_rng(seed).random((frames, uses)))


def decibels(ratio: float) -> float:
    return 10 * np.log10(ratio)


@pytest.mark.parametrize("model", channel.CHANNEL_MODELS)
@pytest.mark.parametrize("snr_db", [-10.0, 3.0, 20.0])
def test_labelled_snr_is_the_measured_one(model, snr_db):
    # 100,000 gains: 0.014 dB of deviation of the mean power of h; the noise, of 200,000 draws, has 0.01 dB
    sent = unit_symbols(100_000, 2)
    received, gain = channel.fading_channel(sent, model, snr_db, seed=3)
    faded = gain[:, None] * sent
    measured = decibels((np.abs(faded) ** 2).mean() / (np.abs(received - faded) ** 2).mean())
    assert abs(measured - snr_db) < 0.05 + (0.02 if model == "rayleigh" else 0)


def test_rayleigh_gain_is_one_draw_a_frame_of_exponential_power():
    _, gain = channel.fading_channel(unit_symbols(20_000, 1), "rayleigh", 0.0, seed=4)
    power = np.abs(gain) ** 2
    for quantile in (0.1, 0.5, 0.9):
        below = (power < -np.log(1 - quantile)).mean()
        assert abs(below - quantile) < 4 * np.sqrt(quantile * (1 - quantile) / power.size)


def test_awgn_gain_is_one():
    assert np.array_equal(channel.fading_channel(unit_symbols(3, 4), "awgn", 0.0, seed=1)[1], np.ones(3))


def test_frames_do_not_depend_on_batching():
    sent = unit_symbols(9, 10)
    together = channel.fading_channel(sent, "rayleigh", 3.0, seed=6)
    echoes = channel.echo_channel(
        sent, sensing_snr_db=3.0, ranges=3, delay_symbols_per_range=2, fading="two_hop_rayleigh", seed=6
    )
    for first, last in ((0, 4), (4, 9)):
        apart = channel.fading_channel(sent[first:last], "rayleigh", 3.0, seed=6, first_frame=first)
        assert all(np.array_equal(a, b[first:last]) for a, b in zip(apart, together, strict=True))
        apart = channel.echo_channel(
            sent[first:last],
            sensing_snr_db=3.0,
            ranges=3,
            delay_symbols_per_range=2,
            fading="two_hop_rayleigh",
            seed=6,
            first_frame=first,
        )
        assert all(np.array_equal(a, b[first:last]) for a, b in zip(apart, echoes, strict=True))


@pytest.mark.parametrize("fading", channel.FADING_MODELS)
def test_echo_snr_falls_by_the_step_and_noise_has_variance_one(fading):
    # power of h1 h2 has deviation sqrt(3): 0.043 dB over 30,000 frames
    frames, uses = 30_000, 4
    sent = unit_symbols(frames, uses)
    for hypothesis, expected_db in ((1, 12.0), (3, 4.0)):
        options = {"sensing_snr_db": 12.0, "ranges": 3, "range_step_db": 4.0, "fading": fading, "seed": 8}
        echo, truth = channel.echo_channel(sent, hypothesis=hypothesis, **options)
        noise, _ = channel.echo_channel(sent, hypothesis=0, **options)
        assert (truth == hypothesis).all()
        assert abs(decibels((np.abs(noise) ** 2).mean())) < 0.05
        assert abs(decibels((np.abs(echo - noise) ** 2).mean()) - expected_db) < 0.2


@pytest.mark.parametrize("hypothesis", [1, 2, 4])
def test_delay_of_a_range_is_its_index_times_the_symbols_a_range(hypothesis):
    sent = unit_symbols(1, 10)
    options = {"sensing_snr_db": 80.0, "ranges": 4, "range_step_db": 0.0, "delay_symbols_per_range": 3}
    echo, _ = channel.echo_channel(sent, hypothesis=hypothesis, **options)
    assert echo.shape == (1, channel.echo_samples(10, 4, 3)) == (1, 19)
    assert int(np.argmax(np.abs(np.correlate(echo[0], sent[0], "valid")))) == 3 * (hypothesis - 1)


def test_frequency_offset_is_a_rotation_a_symbol_within_its_bounds():
    uses, bound = 64, 0.05
    sent = unit_symbols(400, uses)
    echo, _ = channel.echo_channel(
        sent, sensing_snr_db=60.0, max_frequency_offset=bound, random_phase=True, hypothesis=1, seed=2
    )
    line = echo * sent.conj()  # a pure tone
    frequency = np.angle((line[:, 1:] * line[:, :-1].conj()).sum(axis=1)) / (2 * np.pi)
    assert np.abs(frequency).max() < bound * 1.001
    assert abs(frequency.std() - bound / np.sqrt(3)) < 4 * bound / np.sqrt(3) / np.sqrt(2 * 400)
    phase = np.angle(line[:, 0] * 1.0)
    assert abs(np.exp(1j * phase).mean()) < 4 / np.sqrt(400)  # uniform on the circle


def test_truth_follows_its_probabilities():
    truth = channel.draw_hypothesis(40_000, ranges=4, target_probability=0.3, seed=9)
    counts = np.bincount(truth, minlength=5) / truth.size
    expected = np.r_[0.7, np.full(4, 0.075)]
    assert np.all(np.abs(counts - expected) < 4 * np.sqrt(expected * (1 - expected) / truth.size))


@pytest.mark.parametrize(("probability", "truth"), [(0.0, 0), (1.0, 1)])
def test_certain_presence_and_absence(probability, truth):
    assert (channel.draw_hypothesis(1000, target_probability=probability) == truth).all()


def test_wrong_arguments_are_refused():
    sent = unit_symbols(2, 10)
    with pytest.raises(ValueError, match="model is 'rice'"):
        channel.fading_channel(sent, "rice", 0.0, seed=0)
    with pytest.raises(ValueError, match="shape"):
        channel.fading_channel(sent[0], "awgn", 0.0, seed=0)
    with pytest.raises(ValueError, match="fading"):
        channel.echo_channel(sent, sensing_snr_db=0.0, fading="rice")
    with pytest.raises(ValueError, match="hypothesis"):
        channel.echo_channel(sent, sensing_snr_db=0.0, hypothesis=2)
    with pytest.raises(ValueError, match="target_probability"):
        channel.echo_channel(sent, sensing_snr_db=0.0, target_probability=1.5)
    with pytest.raises(ValueError, match="ranges"):
        channel.echo_channel(sent, sensing_snr_db=0.0, ranges=0)
