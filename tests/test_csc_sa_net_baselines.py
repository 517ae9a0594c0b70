# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What CSC-SA-Net is compared with on the physical layer: theory, and figures that were measured before.

Figures of earlier Monte Carlo runs have errors of their own. Where one is compared with, what is allowed is
three standard errors of the difference of two runs of the size here; beyond that one or the other is wrong.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from scipy import optimize  # noqa: E402

from semisac_ml.channels.fading import complex_normal  # noqa: E402
from semisac_ml.channels.mimo_ofdm import (  # noqa: E402
    MimoOfdm,
    MimoPaths,
    drawn_paths,
    equivalent_channel,
    steering,
)
from semisac_ml.results import read_results, write_results  # noqa: E402
from semisac_ml.systems.csc_sa_net import beamforming, receivers  # noqa: E402
from semisac_ml.systems.csc_sa_net.acquisition import (  # noqa: E402
    Pilots,
    least_squares_covariances,
    pilot_noise,
    random_pilots,
    received_pilots,
)
from semisac_ml.systems.csc_sa_net.beamforming import gains_at, known_covariances, principal_beams  # noqa: E402
from semisac_ml.systems.csc_sa_net.detection import (  # noqa: E402
    AUTHORS,
    LIMITED,
    TRUE,
    TRUE_FORCED,
    detected_sinr_db,
    detection_rows,
    layout_times,
)
from semisac_ml.systems.csc_sa_net.feedback import (  # noqa: E402
    fed_back_combiner,
    fed_back_phases,
    path_weights,
    quantised_sine,
)
from semisac_ml.systems.csc_sa_net.matching_pursuit import Atoms, matching_pursuit  # noqa: E402
from semisac_ml.systems.csc_sa_net.rates import (  # noqa: E402
    Beams,
    spectral_efficiency,
    unit_power,
    water_filled_rate,
    whitened,
)
from semisac_ml.systems.csc_sa_net.spectral_efficiency import (  # noqa: E402
    BOUND,
    CLIMBED,
    FIXED,
    GRID_POINT,
    LEAST_SQUARES,
    OF_PCA,
    PCA,
    Link,
    draw,
    efficiency_rows,
    known_schemes,
    measured,
)

CELL = MimoOfdm()
NOTEBOOK = MimoOfdm(paths=2, delay_s=10 / 12e6, doppler="paths")
"""The channel of the authors' program, but for E|h|^2, which is 2 there."""
TONES = torch.arange(0, 100, 4)
AT_FIRST = torch.zeros(1)
SNRS_DB = (-25.0, -20.0, -15.0)


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def matrices(paths: MimoPaths, tones: torch.Tensor, cell: MimoOfdm = CELL) -> torch.Tensor:
    """Eq. (6) as a matrix: [batch, users, tones, station antennas, user antennas]."""
    heard = steering(paths.arrival, cell.station_antennas)
    sent = steering(paths.departure, cell.user_antennas)
    return torch.einsum("bkpr,bknp,bkpt->bknrt", heard, gains_at(paths, 0, tones, cell), sent.conj())


def single_path(arrival: float, departure: float, cell: MimoOfdm = CELL) -> MimoPaths:
    """The same path of gain 1 for all users."""
    ones = torch.ones(1, cell.users, 1)
    return MimoPaths(ones + 0j, arrival * ones, departure * ones, 0 * ones, 0 * ones)


# Rates


def test_rates_are_those_of_the_link_with_coloured_noise() -> None:
    paths, beams = drawn_paths(3, CELL, generator()), beamforming.random_beams(3, CELL, generator(2))
    whole = matrices(paths, TONES)
    channel = (beams.combiner[:, None, None] @ whole @ beams.precoder[:, :, None]).numpy().astype(complex)
    noise = (beams.combiner @ beams.combiner.mH).numpy().astype(complex)[:, None, None]
    power = np.sum(np.abs(beams.precoder.numpy()) ** 2, (-2, -1))[:, :, None, None, None]
    snr, unit = 10.0**-1.5, np.eye(2)
    gram = snr * channel @ channel.conj().swapaxes(-1, -2)
    expected = {
        "whitened": np.linalg.slogdet(unit + np.linalg.solve(noise + 0 * gram, gram / power))[1],
        "printed": np.linalg.slogdet(unit + gram)[1],
    }
    for form, nats in expected.items():
        found = spectral_efficiency(paths, beams, -15.0, AT_FIRST, TONES, CELL, form)
        np.testing.assert_allclose(found, (nats / math.log(2)).mean(2).sum(1), rtol=3e-3)


def test_a_path_has_the_gain_of_both_arrays_and_nothing_more_from_two_chains_alike() -> None:
    paths = single_path(0.3, -0.4)
    beams = beamforming.pointed_beams(paths.arrival[..., 0], paths.departure[..., 0], CELL)
    found = spectral_efficiency(paths, beams, -20.0, AT_FIRST, TONES, CELL)
    assert found.item() == pytest.approx(2 * math.log2(1 + 0.01 * 64 * 8), abs=2e-3)


def test_printed_form_is_up_to_36_db_of_snr_above_the_link() -> None:
    paths = single_path(0.3, -0.4)
    beams = beamforming.pointed_beams(paths.arrival[..., 0], paths.departure[..., 0], CELL)
    alone = Beams(beams.combiner[:, :1], beams.precoder[..., :1])
    printed = spectral_efficiency(paths, alone, -20.0, AT_FIRST, TONES, CELL, "printed")
    link = spectral_efficiency(paths, alone, 36.12 - 20.0 - 9.03, AT_FIRST, TONES, CELL)
    assert printed.item() == pytest.approx(2 * math.log2(1 + 0.01 * 64**2 * 8**2), abs=2e-3)
    assert link.item() == pytest.approx(printed.item(), abs=1e-2)


def test_scale_of_beams_does_not_matter_to_the_link() -> None:
    paths, beams = drawn_paths(3, CELL, generator()), beamforming.random_beams(3, CELL, generator(2))
    louder = Beams(3 * beams.combiner, 5 * beams.precoder)
    of = (AT_FIRST, TONES, CELL)
    torch.testing.assert_close(
        spectral_efficiency(paths, beams, -10.0, *of), spectral_efficiency(paths, louder, -10.0, *of)
    )


def test_unknown_form_of_the_rate_is_refused() -> None:
    paths, beams = drawn_paths(1, CELL, generator()), beamforming.fixed_beams(CELL)
    with pytest.raises(ValueError, match="'white'.*expected 'whitened' or 'printed'"):
        spectral_efficiency(paths, beams, 0.0, AT_FIRST, TONES, CELL, "white")


@pytest.mark.parametrize("snr_db", [-10.0, 3.0, 20.0])
def test_water_filling_is_the_best_split_of_power(snr_db: float) -> None:
    values = torch.tensor([1.7, 0.6])
    gains = 10 ** (snr_db / 10) * values.numpy() ** 2
    best = optimize.minimize_scalar(
        lambda share: -math.log2(1 + share * gains[0]) - math.log2(1 + (1 - share) * gains[1]),
        bounds=(0.0, 1.0),
        method="bounded",
        options={"xatol": 1e-9},
    )
    edges = max(math.log2(1 + gain) for gain in gains)
    assert water_filled_rate(values, snr_db).item() == pytest.approx(max(-best.fun, edges), rel=1e-5)


# Beams from channels that are known

MEASURED_BEFORE = {
    BOUND: (2.01, 4.32, 8.10),
    PCA: (1.61, 3.39, 5.92),
    "PCA, shared combiner": (1.03, 2.43, 4.74),
    CLIMBED: (1.69, 3.54, 6.15),
    "DFT best pair": (1.24, 2.77, 5.12),
    "random phases": (0.02, 0.06, 0.18),
}


@pytest.fixture(scope="module")
def known() -> dict[float, dict[str, torch.Tensor]]:
    """Rates of 256 channels: a standard error of 2.1 % of PCA's at -25 dB."""
    paths, link = drawn_paths(256, CELL, generator(11)), Link(data_symbols=1)
    return {snr_db: known_schemes(paths, replace(link, snr_db=snr_db), generator(12)) for snr_db in SNRS_DB}


@pytest.mark.parametrize("scheme", MEASURED_BEFORE)
def test_known_channels_give_what_was_measured_before(scheme: str, known: dict) -> None:
    for snr_db, expected in zip(SNRS_DB, MEASURED_BEFORE[scheme], strict=True):
        rates = known[snr_db][scheme]
        allowed = 3 * math.sqrt(2 / len(rates)) * rates.std().item() + 0.005
        assert rates.mean().item() == pytest.approx(expected, abs=allowed), snr_db


def test_beams_that_never_look_earn_a_tenth_of_pca(known: dict) -> None:
    """11 % was measured before."""
    fixed, pca = known[-25.0][FIXED], known[-25.0][PCA]
    allowed = 3 * math.sqrt(2 / len(fixed)) * fixed.std().item()
    assert fixed.mean().item() == pytest.approx(0.11 * pca.mean().item(), abs=allowed)
    assert fixed.mean() > 5 * known[-25.0]["random phases"].mean()


def test_nothing_exceeds_the_digital_bound(known: dict) -> None:
    for schemes in known.values():
        for name, rates in schemes.items():
            assert (rates <= 1.001 * schemes[BOUND] + 1e-4).all(), name


def test_schemes_stand_in_the_order_of_what_they_may_do(known: dict) -> None:
    for schemes in known.values():
        mean = {name: rates.mean().item() for name, rates in schemes.items()}
        order = (BOUND, CLIMBED, PCA, "DFT best pair", FIXED, "random phases")
        assert sorted(order, key=mean.get, reverse=True) == list(order)
        assert mean[PCA] < mean["PCA, digital precoder"] < mean[BOUND]


def test_ascent_does_not_lose_what_it_starts_from(known: dict) -> None:
    for schemes in known.values():
        assert (schemes[CLIMBED] > 0.97 * schemes[PCA]).all()


def test_the_better_of_two_beams_is_chosen_channel_by_channel() -> None:
    first, second = (beamforming.random_beams(4, CELL, generator(seed)) for seed in (1, 2))
    wins = torch.tensor([True, False, False, True])
    chosen = beamforming.better_beams([(first, wins.float()), (second, 1 - wins.float())])
    for name in ("combiner", "precoder"):
        own = getattr(chosen, name)
        torch.testing.assert_close(own[wins], getattr(first, name)[wins])
        torch.testing.assert_close(own[~wins], getattr(second, name)[~wins])


def test_covariances_of_paths_are_those_of_matrices() -> None:
    paths = drawn_paths(3, CELL, generator())
    found, whole = known_covariances(paths, 0, TONES, CELL), matrices(paths, TONES)
    torch.testing.assert_close(found.station, (whole @ whole.mH).mean(2), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.user, (whole.mH @ whole).mean(2), rtol=1e-4, atol=1e-3)


# Channels from pilots


def test_pilots_obey_their_equation_and_their_power() -> None:
    paths, pilots = drawn_paths(2, CELL, generator()), random_pilots(3, CELL, generator(2))
    paths = replace(paths, doppler_hz=0 * paths.doppler_hz)
    whole = matrices(paths, torch.arange(100))
    sent = pilots.sent()
    power = torch.linalg.vector_norm(sent, dim=-1)
    torch.testing.assert_close(power, torch.ones_like(power))
    expected = torch.einsum("lct,bknrt,lnr->bklnc", pilots.user_analog, whole, sent)
    found = received_pilots(paths, pilots, None, CELL, generator())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("noise", ["chains", "antennas"])
def test_noise_of_pilots_is_as_strong_as_told(noise: str) -> None:
    """160,000 values: 0.5 % at 95 %."""
    paths, pilots = drawn_paths(50, CELL, generator()), random_pilots(8, CELL, generator(2))
    silent = received_pilots(paths, pilots, None, CELL, generator())
    noisy = received_pilots(paths, pilots, -25.0, CELL, generator(), noise)
    expected = pilot_noise(-25.0, CELL, noise)
    assert (noisy - silent).abs().square().mean().item() == pytest.approx(expected, rel=0.015)
    assert expected == pytest.approx(10**2.5 * (8 if noise == "antennas" else 1))


def test_pilots_of_another_modulus_or_noise_are_refused() -> None:
    pilots = random_pilots(2, CELL, generator())
    with pytest.raises(ValueError, match="station_analog has elements 0.1 off modulus 1"):
        Pilots(1.1 * pilots.station_analog, pilots.station_digital, pilots.user_analog)
    with pytest.raises(ValueError, match="'sky': expected 'chains' or 'antennas'"):
        received_pilots(drawn_paths(1, CELL, generator()), pilots, 0.0, CELL, generator(), "sky")


def test_pursuit_finds_paths_between_grid_points() -> None:
    ones = torch.ones(1, 2, 1)
    paths = MimoPaths(
        torch.tensor([1.0, 0.3j]) * ones,
        torch.tensor([0.237, -0.511]) * ones,
        torch.tensor([-0.62, 0.33]) * ones,
        torch.tensor([37e-9, 211e-9]) * ones,
        torch.zeros(1, 2, 2),
    )
    pilots = random_pilots(8, CELL, generator(3))
    received = received_pilots(paths, pilots, None, CELL, generator())
    found = matching_pursuit(received, pilots, 2, 0.0, CELL)
    assert (found.arrival - paths.arrival).abs().max() < 0.1 * 2 / 64
    assert (found.departure - paths.departure).abs().max() < 0.1 * 2 / 8
    assert (found.delay_s - paths.delay_s).abs().max() < 0.1 / 12e6
    assert (found.gain - paths.gain).abs().max() < 0.1
    coarse = matching_pursuit(received, pilots, 2, 0.0, CELL, zooms=0)
    assert (coarse.arrival - paths.arrival).abs().max() > (found.arrival - paths.arrival).abs().max()


def test_pursuit_in_noise_alone_finds_no_second_path() -> None:
    """Of 64, at 1 % each: more than four by chance once in 300 runs."""
    paths = drawn_paths(32, CELL, generator())
    paths, pilots = replace(paths, gain=0 * paths.gain), random_pilots(4, CELL, generator(2))
    received = received_pilots(paths, pilots, 0.0, CELL, generator(4))
    gain = matching_pursuit(received, pilots, 2, 1.0, CELL).gain
    assert (gain[..., 0] != 0).all()
    assert (gain[..., 1] != 0).sum() <= 4


def test_least_squares_is_exact_where_pilots_are_as_many_as_antennas() -> None:
    small = MimoOfdm(station_antennas=4, user_antennas=2, subcarriers=4)
    paths, pilots = drawn_paths(2, small, generator()), random_pilots(16, small, generator(2))
    paths = replace(paths, doppler_hz=0 * paths.doppler_hz)
    received = received_pilots(paths, pilots, None, small, generator())
    found = least_squares_covariances(received, pilots, small)
    expected = known_covariances(paths, 0, torch.arange(4), small)
    torch.testing.assert_close(found.station, expected.station, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found.user, expected.user, rtol=1e-3, atol=1e-3)


ACQUIRED_BEFORE = {0.0: {8: 0.64, 4: 0.32, 2: 0.11}, 11.0: {8: 0.91, 4: 0.77, 2: 0.39}}
"""Share of PCA that the first atom of matching pursuit on a grid has, by gain of pilots in dB and by L."""


def first_path(link: Link, count: int, zooms: int, seed: int = 21) -> tuple[torch.Tensor, torch.Tensor]:
    """Rates of beams towards the first path found, and of PCA that knows the channel, [count] each."""
    draws, cell, found, best = generator(seed), link.cell, [], []
    level = None if link.pilot_noise is None else link.snr_db + link.pilot_gain_db
    where = link.pilot_noise or "chains"
    for _ in range(count // 16):
        paths, pilots = drawn_paths(16, cell, draws), random_pilots(link.symbols, cell, draws)
        received = received_pilots(paths, pilots, level, cell, draws, where)
        atom = matching_pursuit(received, pilots, 1, 1.0, cell, zooms)
        pointed = beamforming.pointed_beams(atom.arrival[..., 0], atom.departure[..., 0], cell)
        pca = principal_beams(known_covariances(paths, link.symbols, TONES, cell), cell)
        for beams, rates in ((pointed, found), (pca, best)):
            rates.append(spectral_efficiency(paths, beams, link.snr_db, link.times, TONES, cell))
    return torch.cat(found), torch.cat(best)


@pytest.mark.parametrize("symbols", [8, 4, 2])
@pytest.mark.parametrize("gain_db", ACQUIRED_BEFORE)
def test_first_atom_on_a_grid_has_what_was_measured_before(gain_db: float, symbols: int) -> None:
    """192 channels, pilots drawn for every 16."""
    rates, best = first_path(Link(symbols=symbols, pilot_gain_db=gain_db, data_symbols=1), 192, zooms=0)
    share = (rates.mean() / best.mean()).item()
    spread = (rates - share * best).std().item() / best.mean().item()
    allowed = 3 * math.sqrt(2 / 192) * spread
    assert share == pytest.approx(ACQUIRED_BEFORE[gain_db][symbols], abs=allowed)


def test_places_between_grid_points_are_worth_their_search() -> None:
    """Half a grid step off loses up to 0.9 dB at each end: the same paths, found better."""
    link = Link(pilot_gain_db=11.0, data_symbols=1)
    coarse, best = first_path(link, 96, zooms=0)
    fine, _ = first_path(link, 96, zooms=4)
    assert 1.04 < (fine.mean() / coarse.mean()).item() < 1.2
    assert (fine.mean() / best.mean()).item() == pytest.approx(0.98, abs=0.04)


def test_without_noise_eight_pilots_are_enough_and_one_is_not() -> None:
    """As in the authors' program: what fails there below four pilots fails of too few dimensions."""
    link = Link(cell=NOTEBOOK, pilot_noise=None, data_symbols=1)
    for symbols, least, most in ((8, 0.95, 1.02), (1, 0.1, 0.4)):
        rates, best = first_path(replace(link, symbols=symbols), 64, zooms=4)
        assert least < (rates.mean() / best.mean()).item() < most


def test_noise_at_antennas_weakens_pilots_by_their_number() -> None:
    """8 antennas are 9.03 dB: pilots so much stronger find as much as with noise behind the combiner."""
    at_chains, _ = first_path(Link(data_symbols=1), 192, zooms=0)
    own = Link(data_symbols=1, pilot_noise="antennas")
    stronger, _ = first_path(replace(own, pilot_gain_db=9.03), 192, zooms=0, seed=22)
    weaker, _ = first_path(own, 64, zooms=0)
    apart = (at_chains.mean() - stronger.mean()).abs().item()
    assert apart < 3 * math.sqrt(2 / 192) * at_chains.std().item()
    assert weaker.mean() < 0.2 * at_chains.mean()


def test_least_squares_of_too_few_pilots_finds_next_to_nothing() -> None:
    """16 measurements of 512 antenna pairs on a subcarrier, each 16 dB below the noise."""
    rates = measured(Link(data_symbols=1), 16, seed=21, climb=False)
    assert rates[LEAST_SQUARES].mean() < 0.05 * rates[PCA].mean()
    assert rates[GRID_POINT].mean() > 0.3 * rates[PCA].mean()


# Feedback


def test_a_quantised_sine_is_half_a_step_off_at_most_and_endfire_is_exact() -> None:
    sines = torch.linspace(-1, 1, 1001)
    for bits in (1, 4, 10):
        apart = torch.remainder(quantised_sine(sines, bits) - sines + 1.0, 2.0) - 1.0
        assert apart.abs().max() <= 0.5**bits + 1e-6
    assert quantised_sine(torch.tensor([-1.0, 1.0]), 4).tolist() == [-1.0, -1.0]


def test_more_bits_bring_the_fed_back_beam_to_the_wanted_one() -> None:
    paths = drawn_paths(64, CELL, generator())
    atoms = Atoms(paths.arrival, paths.departure, paths.delay_s, paths.gain)
    wanted = principal_beams(atoms.covariances(CELL), CELL).combiner
    likeness = []
    for bits in (4, 16, 32, 64, 1024):
        told = fed_back_combiner(atoms, bits, CELL)
        likeness.append(((wanted.conj() * told).sum(-1).abs() / 64).mean().item())
    assert likeness == sorted(likeness)
    assert likeness[-1] > 0.999
    beams = (path_weights(atoms, CELL)[..., None] * steering(atoms.arrival, 64)).sum(-2)
    strongest = torch.linalg.eigh(atoms.covariances(CELL).station).eigenvectors[..., -1]
    along = (beams.conj() * strongest).sum(-1).abs() / torch.linalg.vector_norm(beams, dim=-1)
    assert along.min() > 0.999


def test_phases_are_told_with_as_many_bits_as_there_are() -> None:
    combiner = beamforming.random_beams(1, CELL, generator()).combiner
    error = (fed_back_phases(combiner, 4 * 64) / combiner).angle().abs().max()
    assert error <= math.pi / 16 + 1e-5


def test_too_few_bits_are_refused() -> None:
    atoms = Atoms(*(torch.zeros(1, 2, 1) for _ in range(3)), torch.ones(1, 2, 1) + 0j)
    with pytest.raises(ValueError, match="feedback of 0 bits: expected at least 1"):
        fed_back_combiner(atoms, 0, CELL)
    with pytest.raises(ValueError, match="63 bits for 64 phases"):
        fed_back_phases(torch.ones(1, 64) + 0j, 63)


# Receivers

SINR_BEFORE_DB = {AUTHORS: -3.4, TRUE_FORCED: 4.7, TRUE: 5.1, LIMITED: 2.8}
"""Median of the SINR of both users' sum at the authors' -25 dB, three symbols, PCA of the known channel."""


@pytest.fixture(scope="module")
def notebook_sinr_db() -> dict:
    """The authors' -25 dB is -19 dB here: their channel and their two streams have twice the power each."""
    paths, link = drawn_paths(400, NOTEBOOK, generator(31)), Link(NOTEBOOK, -19.0, data_symbols=3)
    return detected_sinr_db(paths, link, "authors", generator(32))


@pytest.mark.parametrize("receiver", SINR_BEFORE_DB)
def test_receivers_have_the_sinr_measured_before(receiver: str, notebook_sinr_db: dict) -> None:
    found = notebook_sinr_db[receiver, "sum"].median().item()
    assert found == pytest.approx(SINR_BEFORE_DB[receiver], abs=0.7)


def test_a_competent_receiver_is_six_db_above_the_authors(notebook_sinr_db: dict) -> None:
    gain = notebook_sinr_db[LIMITED, "sum"].median() - notebook_sinr_db[AUTHORS, "sum"].median()
    assert gain.item() == pytest.approx(6.2, abs=1.0)


def streams(count: int, cell: MimoOfdm, snr_db: float, pilot_times: torch.Tensor, times: torch.Tensor):
    """Channel, pilots and noise variance of PCA's beams."""
    paths, noise_variance = drawn_paths(count, cell, generator(41)), 10 ** (-snr_db / 10)
    tones = torch.arange(100.0)
    beams = principal_beams(known_covariances(paths, 0, TONES, cell), cell)
    channel = receivers.stream_channel(paths, beams, times, tones, cell)
    with_pilots = receivers.stream_channel(paths, beams, pilot_times, tones, cell)
    return channel, receivers.heard_pilots(with_pilots, noise_variance, generator(42)), noise_variance


@pytest.mark.parametrize("cell", [CELL, NOTEBOOK], ids=["own", "notebook"])
def test_estimates_and_symbols_are_as_good_as_the_receiver_says(cell: MimoOfdm) -> None:
    """LMMSE knows its own error: mean square over what it expects is 1; 100 channels of 600 elements."""
    pilot_times, times = torch.tensor([0.0, 4.0]), torch.tensor([1.0, 2.0, 3.0])
    channel, pilots, noise_variance = streams(100, cell, -19.0, pilot_times, times)
    estimate = receivers.correlated_estimate(pilots, pilot_times, times, noise_variance, cell)
    error = (estimate.channel - channel).abs().square()
    assert (error.sum() / estimate.error.sum()).item() == pytest.approx(1.0, abs=0.12)
    sent = complex_normal((*channel.shape[:3], 2), generator(43), channel.device)
    received = receivers.through(channel, sent, noise_variance, generator(44))
    for known in (estimate, receivers.Estimate(channel, torch.zeros(()))):
        found = receivers.minimum_error(received, known, noise_variance)
        gain = found.sinr / (1 + found.sinr)
        off = (found.symbols / gain - sent).abs().square() * found.sinr
        assert off.mean().item() == pytest.approx(1.0, abs=0.1)
    forced = receivers.zero_forcing(received, channel, noise_variance)
    off = (forced.symbols - sent).abs().square() * forced.sinr
    assert off.mean().item() == pytest.approx(1.0, abs=0.03)


def test_delay_limited_estimate_errs_by_its_noise_and_little_else() -> None:
    still = replace(NOTEBOOK, speed_mps=0.0)
    at = torch.zeros(1)
    channel, pilots, noise_variance = streams(100, still, -19.0, at, at)
    estimate = receivers.delay_limited_estimate(pilots, at, at, noise_variance, still)
    error = (estimate.channel - channel).abs().square().mean()
    expected = estimate.error.mean()
    assert expected.item() == pytest.approx(noise_variance * 12 / 50, rel=1e-3)  # 12 taps of 50 pilots
    assert 0.95 < (error / expected).item() < 1.3


def test_more_knowledge_makes_estimates_better() -> None:
    at, times = torch.zeros(1), torch.arange(3.0)
    channel, pilots, noise_variance = streams(100, CELL, -20.0, at, times)
    of = (pilots, at, times, noise_variance, CELL)
    estimates = (
        receivers.authors_estimate(pilots, 3),
        receivers.delay_limited_estimate(*of),
        receivers.correlated_estimate(*of),
    )
    errors = [(one.channel - channel).abs().square().mean().item() for one in estimates]
    assert errors[0] > 2 * errors[1] > 3 * errors[2]


def test_the_authors_estimate_is_half_a_subcarrier_and_one_and_a_half_symbols_off() -> None:
    """Of a channel that is linear in both: the estimate is the channel at another place."""
    tone, symbol = torch.arange(100.0)[None, :], torch.arange(8.0)[:, None]
    plane = (tone + 100 * symbol)[None, :, :, None, None].expand(1, 8, 100, 2, 2) + 0j
    pilots = receivers.heard_pilots(plane[:, ::4], 0.0, generator())
    found = receivers.authors_estimate(pilots, 8).channel.real
    inside = found[:, 2:6, 2:98] - plane.real[:, 2:6, 2:98]
    torch.testing.assert_close(inside, torch.full_like(inside, -150.5), rtol=1e-4, atol=1e-2)
    assert (
        found[0, 3, 0, 0, 1] > found[0, 3, 50, 0, 1]
    )  # the second user's last one in the place of its first


def test_between_pilots_lines_are_straight_and_level_outside() -> None:
    values = torch.tensor([1.0, 5.0, 5.0])[None, :, None]
    found = receivers.over_time(values, torch.tensor([0.0, 4.0, 8.0]), torch.tensor([1.0, 2.0, 6.0, 9.0]))
    assert found[0, :, 0].tolist() == [2.0, 3.0, 5.0, 5.0]


@pytest.mark.parametrize("cell", [CELL, NOTEBOOK], ids=["own", "notebook"])
def test_correlations_are_those_of_drawn_channels(cell: MimoOfdm) -> None:
    """8192 channels of one path: 0.02 is two standard errors and more."""
    paths = drawn_paths(8192, replace(cell, paths=1, users=1), generator(51))
    symbols, tones = torch.arange(9.0), torch.arange(0.0, 100.0, 7.0)
    gains = paths.turned(symbols, tones, cell)[:, 0, ..., 0]
    power = gains[:, 0, 0].abs().square().mean()
    over_time = (gains[:, :, 0] * gains[:, :1, 0].conj()).mean(0) / power
    over_tones = (gains[:, 0] * gains[:, 0, :1].conj()).mean(0) / power
    torch.testing.assert_close(over_time, receivers.time_correlation(symbols, cell), rtol=0, atol=0.03)
    torch.testing.assert_close(over_tones, receivers.tone_correlation(tones, cell), rtol=0, atol=0.03)


def test_noise_behind_a_whitened_combiner_is_white() -> None:
    combiner = beamforming.random_beams(5, CELL, generator()).combiner
    own = whitened(combiner)
    torch.testing.assert_close(own @ own.mH, (torch.eye(2) + 0j).expand(5, 2, 2), rtol=0, atol=2e-3)
    channel = equivalent_channel(
        drawn_paths(5, CELL, generator()),
        combiner,
        unit_power(beamforming.fixed_beams(CELL).precoder),
        AT_FIRST,
        TONES,
        CELL,
    )
    assert channel.shape == (5, 2, 1, 25, 2, 2)


def test_layouts_hold_as_much_data_as_asked() -> None:
    link = Link(symbols=8, data_symbols=4)
    pilots, data = layout_times(link, "authors")
    assert (pilots.tolist(), data.tolist()) == ([8], [8, 9, 10, 11])
    pilots, data = layout_times(link, "own")
    assert (pilots.tolist(), data.tolist()) == ([8, 12], [9, 10, 11, 13])
    with pytest.raises(ValueError, match="'mine': expected 'authors' or 'own'"):
        layout_times(link, "mine")
    with pytest.raises(ValueError, match="100 subcarriers of 3 users"):
        receivers.heard_pilots(torch.zeros(1, 1, 100, 2, 3) + 0j, 1.0, generator())


# Rows


def test_rows_are_read_back_drawn_and_the_same_again(tmp_path) -> None:
    link = Link(symbols=2)
    rows = [
        *efficiency_rows(link, "symbols", (1, 2), 16, seed=1),
        *efficiency_rows(link, "bits", (16, 64), 16, seed=1, climb=False),
        *efficiency_rows(link, "snr_db", (-25, -15), 16, seed=1, climb=False),
        *detection_rows(link, "own", (-20, -10), 16, seed=1),
    ]
    back = read_results(write_results(tmp_path / "rows.csv", rows))
    assert [row.place for row in back] == [row.place for row in rows]
    assert len({row.place for row in rows}) == len(rows)
    of_pca = [row for row in rows if row.variant == PCA and row.metric == OF_PCA]
    assert of_pca and all(row.value == row.low == row.high == 1.0 for row in of_pca)
    few_bits = [row for row in rows if row.variant == LEAST_SQUARES and row.axis.endswith("bits B")]
    assert {row.x for row in few_bits} == {64.0}
    again = efficiency_rows(link, "symbols", (1, 2), 16, seed=1)
    assert [row.value for row in again] == [row.value for row in rows[: len(again)]]
    draw(tmp_path / "rates.png", rows)
    assert (tmp_path / "rates.png").stat().st_size > 10_000


def test_given_pilots_are_used_and_an_unknown_sweep_is_refused() -> None:
    asked = []

    def pilots_of(link: Link, draws: torch.Generator) -> Pilots:
        asked.append(link.symbols)
        return random_pilots(link.symbols, link.cell, draws)

    efficiency_rows(Link(), "symbols", (2,), 20, seed=1, climb=False, pilots_of=pilots_of)
    assert asked == [2, 2]
    with pytest.raises(ValueError, match="sweep 'speed': expected one of symbols, bits, snr_db"):
        efficiency_rows(Link(), "speed", (1,), 1, seed=1)
