# SPDX-License-Identifier: GPL-3.0-or-later
"""The torch channels equal the numpy reference, and keep the labelled SNR."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from semisac_ml.channels import EchoChannel, EchoDraws, FadingChannel, apply_echo, apply_fading  # noqa: E402
from semisac_ml.layers import normalise_power  # noqa: E402
from semisac_ml.signal import channel, random_stream  # noqa: E402

FRAMES, CHANNEL_USES, SEED = 40, 10, 5


def unit_symbols(frames: int, channel_uses: int = CHANNEL_USES) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    pairs = torch.randn(frames, channel_uses, 2, generator=generator)
    return torch.view_as_complex(normalise_power(pairs))


@pytest.mark.parametrize("model", ["awgn", "rayleigh"])
def test_fading_equals_reference(model: str) -> None:
    symbols = unit_symbols(FRAMES)
    expected, gain = channel.fading_channel(symbols.numpy(), model, 4.0, SEED)
    noise = random_stream.complex_normal_frames(SEED, 2, 0, FRAMES, CHANNEL_USES).astype(np.complex64)
    received = apply_fading(
        symbols, torch.from_numpy(gain), torch.from_numpy(noise), torch.full((FRAMES,), 4.0)
    )
    np.testing.assert_allclose(received.numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("delay", [0, 2])
def test_echo_equals_reference(delay: int) -> None:
    symbols = unit_symbols(FRAMES)
    ranges, offset = 4, 0.05
    expected, hypothesis = channel.echo_channel(
        symbols.numpy(),
        sensing_snr_db=6.0,
        ranges=ranges,
        delay_symbols_per_range=delay,
        fading="two_hop_rayleigh",
        random_phase=True,
        max_frequency_offset=offset,
        target_probability=0.8,
        seed=SEED,
    )
    draws = random_stream.uniform_frames(SEED, 4, 0, FRAMES, 6)
    gains = random_stream.normal_from_uniform(draws[:, :4])
    phase = np.exp(2j * np.pi * draws[:, 4])
    samples = CHANNEL_USES + (ranges - 1) * delay
    noise = random_stream.complex_normal_frames(SEED, 5, 0, FRAMES, samples)
    echo = apply_echo(
        symbols,
        EchoDraws(
            torch.from_numpy(hypothesis),
            torch.from_numpy((gains[:, 0] * gains[:, 1] * phase).astype(np.complex64)),
            torch.from_numpy(((2 * draws[:, 5] - 1) * offset).astype(np.float32)),
            torch.from_numpy(noise.astype(np.complex64)),
        ),
        torch.full((FRAMES,), 6.0),
        delay_symbols_per_range=delay,
    )
    assert set(hypothesis) == set(range(ranges + 1))
    np.testing.assert_allclose(echo.numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("snr_db", [-10.0, 3.0, 20.0])
def test_labelled_snr_is_measured_snr(snr_db: float) -> None:
    # 4e5 noise samples: the standard deviation of the measured SNR is 4.34·sqrt(1/4e5 + …) < 0.01 dB
    symbols = unit_symbols(40_000)
    generator = torch.Generator().manual_seed(1)
    received, gain = FadingChannel("awgn")(symbols, torch.full((len(symbols),), snr_db), generator)
    noise = received - gain[:, None] * symbols
    measured = 10 * torch.log10(symbols.abs().square().mean() / noise.abs().square().mean())
    assert abs(float(measured) - snr_db) < 0.05


def test_rayleigh_has_unit_mean_power_and_exponential_gain() -> None:
    generator = torch.Generator().manual_seed(2)
    _, gain = FadingChannel("rayleigh")(unit_symbols(100_000), torch.zeros(100_000), generator)
    power = gain.abs().square()
    assert abs(float(power.mean()) - 1.0) < 4 / 100_000**0.5
    # P(|h|² < 0.1) = 1 - exp(-0.1)
    assert abs(float((power < 0.1).float().mean()) - 0.09516) < 4 * (0.0952 * 0.9048 / 100_000) ** 0.5


def test_echo_noise_variance_is_one_and_snr_falls_with_range() -> None:
    frames = 60_000
    echo_channel = EchoChannel(ranges=3, range_step_db=3.0, target_probability=0.75)
    generator = torch.Generator().manual_seed(4)
    symbols = unit_symbols(frames)
    echo, hypothesis = echo_channel(symbols, torch.full((frames,), 10.0), generator)
    power = echo.abs().square().mean(dim=1)
    assert float(power[hypothesis == 0].mean()) == pytest.approx(1.0, rel=0.02)
    for index in range(3):
        expected = 10 ** ((10.0 - 3.0 * index) / 10) + 1.0
        assert float(power[hypothesis == index + 1].mean()) == pytest.approx(expected, rel=0.02)


def test_clutter_has_its_power_whether_or_not_there_is_a_target() -> None:
    symbols = unit_symbols(20_000)
    snr_db = torch.full((len(symbols),), 3.0)
    for probability, expected in ((0.0, 1.0 + 2.0), (1.0, 1.0 + 2.0 + 10**0.3)):
        channel = EchoChannel(clutter_db=10.0 * math.log10(2.0), target_probability=probability)
        echo, _ = channel(symbols, snr_db, torch.Generator().manual_seed(0))
        assert float(echo.abs().square().mean()) == pytest.approx(expected, rel=0.03)
        assert echo.shape == symbols.shape


def test_channels_are_differentiable() -> None:
    symbols = unit_symbols(8).clone().requires_grad_()
    generator = torch.Generator().manual_seed(0)
    received, _ = FadingChannel("rayleigh")(symbols, torch.zeros(8), generator)
    echo, _ = EchoChannel("rayleigh", target_probability=1.0)(symbols, torch.zeros(8), generator)
    (received.abs().square().sum() + echo.abs().square().sum()).backward()
    assert torch.isfinite(torch.view_as_real(symbols.grad)).all() and symbols.grad.abs().min() > 0


@pytest.mark.parametrize("wrong", [{"fading": "rician"}, {"ranges": 0}, {"target_probability": 1.5}])
def test_wrong_echo_parameters_are_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match="expected"):
        EchoChannel(**wrong)


def test_power_is_normalised_for_each_image() -> None:
    pairs = (
        torch.randn(16, 7, 2, generator=torch.Generator().manual_seed(1))
        * torch.logspace(-3, 3, 16)[:, None, None]
    )
    power = normalise_power(pairs).square().sum(dim=2).mean(dim=1)
    torch.testing.assert_close(power, torch.ones(16), atol=1e-5, rtol=0)
