# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Digital modulation against theory, in numpy and torch, and the link budget of SIMAC."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal import digital_modulation as digital
from semisac_ml.systems.simac.link_budget import LinkBudget, execution_s, is_in_time, modulation_at

torch = pytest.importorskip("torch")

from semisac_ml.channels.digital import (  # noqa: E402
    MODULATIONS,
    DigitalChannel,
    bit_probabilities,
    modulate,
)
from semisac_ml.layers.quantiser import from_bits, to_bits  # noqa: E402

# where theory expects between 1 and 10 % of the bits to be wrong
POINTS = [("BPSK", 2.0), ("QPSK", 5.0), ("8PSK", 9.0), ("16QAM", 10.0)]


@pytest.mark.parametrize("name", digital.CONSTELLATIONS)
def test_neighbours_differ_in_one_bit(name):
    used = digital.constellation(name)
    assert np.mean(np.abs(used.points) ** 2) == pytest.approx(1.0)
    apart = np.abs(used.points[:, None] - used.points)
    nearest = apart[apart > 1e-9].min()
    for one, other in zip(*np.nonzero(np.abs(apart - nearest) < 1e-9), strict=True):
        assert (used.labels[one] != used.labels[other]).sum() == 1


@pytest.mark.parametrize("channel", ["awgn", "rayleigh"])
@pytest.mark.parametrize("name, snr_db", POINTS)
def test_bit_error_rate(name, snr_db, channel):
    rng = np.random.default_rng(4)
    count = 240_000
    bits = rng.integers(0, 2, count).astype(np.uint8)
    symbols = digital.modulate(bits, name)
    variance = 10 ** (-snr_db / 10)
    noise, fading = (
        (rng.normal(size=len(symbols)) + 1j * rng.normal(size=len(symbols))) / 2**0.5 for _ in "ab"
    )
    gain = fading if channel == "rayleigh" else np.ones(len(symbols))
    equalised = symbols + np.sqrt(variance) * noise / gain
    decided = digital.bit_probabilities(equalised, name, variance / np.abs(gain) ** 2) > 0.5
    measured = (decided[:count] != bits).mean()
    expected = digital.bit_error_rate(name, snr_db, channel)
    # bits of a symbol err together: 4 deviations of so many symbols
    assert measured == pytest.approx(expected, abs=4 * np.sqrt(expected / len(symbols)))


def test_bpsk_in_rayleigh_fading_has_a_closed_form():
    for snr_db in (0.0, 10.0, 25.0):
        snr = 10 ** (snr_db / 10)
        exact = 0.5 * (1 - np.sqrt(snr / (1 + snr)))
        assert digital.bit_error_rate("BPSK", snr_db, "rayleigh") == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("name", MODULATIONS)
def test_torch_equals_numpy(name):
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2, (3, 24))
    symbols = digital.modulate(bits, name)
    np.testing.assert_allclose(modulate(torch.tensor(bits), name).numpy(), symbols, atol=1e-6)
    received = (symbols + 0.4 * rng.normal(size=symbols.shape)).astype(np.complex64)
    variance = np.array([0.1, 0.5, 2.0])
    found = bit_probabilities(torch.tensor(received), name, torch.tensor(variance, dtype=torch.float32))
    expected = digital.bit_probabilities(received, name, variance[:, None])
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_probabilities_are_calibrated():
    # of the bits said to be 1 with a probability, that share is
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 2, 200_000)
    symbols = digital.modulate(bits, "16QAM")
    noise = (rng.normal(size=symbols.shape) + 1j * rng.normal(size=symbols.shape)) * np.sqrt(0.2 / 2)
    said = digital.bit_probabilities(symbols + noise, "16QAM", 0.2)
    for low in (0.1, 0.3, 0.5, 0.7):
        chosen = (said >= low) & (said < low + 0.2)
        assert bits[chosen].mean() == pytest.approx(said[chosen].mean(), abs=0.02)


def test_quantiser():
    values = torch.tensor([[-1.0, -0.99, -0.01, 0.01, 0.6, 1.0, 3.0]])
    bits = to_bits(values, 3)
    assert bits.shape == (1, 7, 3) and set(bits.unique().tolist()) == {0.0, 1.0}
    expected = torch.tensor([[-0.875, -0.875, -0.125, 0.125, 0.625, 0.875, 0.875]])
    assert torch.equal(from_bits(bits), expected)
    assert torch.equal(from_bits(torch.full((1, 4, 3), 0.5)), torch.zeros(1, 4))


def test_values_arrive_within_the_quantiser_at_high_snr_and_vanish_at_none():
    generator = torch.Generator().manual_seed(1)
    values = 2 * torch.rand(8, 30, generator=generator) - 1
    modulation = torch.arange(8) % 4
    clean = DigitalChannel("awgn", bits=5)(values, torch.full((8,), 60.0), modulation, generator)
    assert (clean - values).abs().max() <= 1 / 32 + 1e-6
    lost = DigitalChannel("awgn", bits=5)(values, torch.full((8,), -60.0), modulation, generator)
    assert lost.abs().max() < 0.05  # the mean of a value of which nothing is known is 0


def test_error_of_values_is_that_of_their_bits():
    # each of b independent bits that err with probability p costs (2 2^-i)^2: soft values do better
    generator = torch.Generator().manual_seed(3)
    values = 2 * torch.rand(64, 500, generator=generator) - 1
    snr_db, bits = 4.0, 4
    at = torch.full((64,), snr_db)
    received = DigitalChannel("awgn", bits)(values, at, torch.zeros(64, dtype=torch.long), generator)
    rate = digital.bit_error_rate("BPSK", snr_db)
    hard = rate * sum(4.0 * 0.25**i for i in range(1, bits + 1)) + (2 / 2**bits) ** 2 / 12
    measured = (received - values).square().mean().item()
    assert 0.3 * hard < measured < hard


def test_gradient_goes_straight_through():
    values = torch.zeros(2, 6, requires_grad=True)
    channel = DigitalChannel("rayleigh", 4)
    received = channel(
        values, torch.tensor([5.0, 20.0]), torch.tensor([0, 2]), torch.Generator().manual_seed(0)
    )
    (received * torch.arange(6.0)).sum().backward()
    assert torch.equal(values.grad, torch.arange(6.0).expand(2, 6))


def test_modulation_by_snr():
    # the borders of Eq. (50)
    expected = {0: "BPSK", 10: "BPSK", 10.1: "QPSK", 18: "QPSK", 18.1: "8PSK", 22: "8PSK", 22.1: "16QAM"}
    assert {snr: modulation_at(snr) for snr in expected} == expected
    assert modulation_at(-3.0) == "BPSK" and modulation_at(40.0) == "16QAM"


def test_link_budget():
    budget = LinkBudget(values=1000, bits_per_value=4, snr_db=20.0)
    assert (budget.modulation, budget.bits, budget.channel_uses) == ("8PSK", 4000, 1334)
    assert budget.rate_bps == pytest.approx(1000 * np.log2(101))
    assert budget.shannon_s == pytest.approx(4000 / budget.rate_bps)
    assert budget.sent_s == pytest.approx(1.334)
    assert execution_s(0.001, 0.002, budget.shannon_s, 0.003) == pytest.approx(0.006 + budget.shannon_s)
    assert is_in_time(0.5, 0.5) and not is_in_time(0.51, 0.5)


def test_the_papers_encoding_takes_seconds_at_its_bandwidth():
    budget = LinkBudget(values=49 * 384, bits_per_value=1, snr_db=25.0)
    assert budget.shannon_s == pytest.approx(2.26, abs=0.01)


def test_what_cannot_be():
    with pytest.raises(ValueError, match="modulation is '64QAM', expected one of BPSK"):
        digital.modulate(np.zeros(4), "64QAM")
    with pytest.raises(ValueError, match="channel is 'rice', expected awgn or rayleigh"):
        digital.bit_error_rate("BPSK", 3.0, "rice")
    with pytest.raises(ValueError, match="bits of a value are 0, expected 1 to 12"):
        DigitalChannel("awgn", 0)
    with pytest.raises(ValueError, match="unknown channel model"):
        DigitalChannel("rice")
    with pytest.raises(ValueError, match="snr_db is not a number"):
        modulation_at(float("nan"))
