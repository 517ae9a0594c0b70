# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""MIMO-OFDM channels by paths: theory, torch beside numpy, and the street's paths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, special

from semisac_ml.data import DataError
from semisac_ml.data.scenes import mimo_paths as street
from semisac_ml.data.scenes.channel import channel_from_paths
from semisac_ml.data.scenes.reader import SceneSet
from semisac_ml.data.scenes.sample import sample
from semisac_ml.signal import mimo_ofdm as reference
from semisac_ml.signal.mimo_ofdm import MimoOfdm

CELL = MimoOfdm()
SMALL = MimoOfdm(station_antennas=5, user_antennas=3, station_chains=3, user_chains=2, subcarriers=7, paths=2)
COUNT = 4000  # channels of two users
LAWS = ("speed", "paths")


def phases(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Elements of modulus 1, as phase shifters have them."""
    return np.exp(2j * np.pi * rng.random(shape))


def by_numpy(cell: MimoOfdm) -> reference.PathArrays:
    return reference.drawn_paths(cell, 3, 0, COUNT)


def by_torch(cell: MimoOfdm) -> reference.PathArrays:
    torch = pytest.importorskip("torch")
    from semisac_ml.channels import mimo_ofdm

    paths = mimo_ofdm.drawn_paths(COUNT, cell, torch.Generator().manual_seed(3))
    return reference.PathArrays(*(getattr(paths, name).numpy() for name in street.NAMES))


@pytest.fixture(params=[by_numpy, by_torch], ids=["numpy", "torch"])
def drawn(request):
    """Paths drawn by either, of a cell."""
    return request.param


# Theory. Means of 8000 channels of power 1: |h|^2 has variance 1, a standard error of 0.0112; products h h'*
# have one of the same size, and paths in common raise it, to 0.016 at most. Bounds are four of them.


def test_power_between_two_antennas_is_one(drawn):
    paths = drawn(CELL)
    gains = paths.gain.sum(axis=2)
    assert np.mean(np.abs(gains) ** 2) == pytest.approx(1.0, abs=0.05)
    assert abs(np.mean(gains)) < 0.05
    far = (paths.turned(np.array([40]), CELL)[:, :, 0, 99] * np.exp(1j * np.pi * 63 * paths.arrival)).sum(
        axis=2
    )
    assert np.mean(np.abs(far) ** 2) == pytest.approx(1.0, abs=0.05)
    assert abs(np.mean(far * gains.conj())) < 0.065  # 63 antennas, 40 symbols, 99 subcarriers away


def test_correlation_over_frequency_is_that_of_uniform_delays(drawn):
    paths = drawn(CELL)
    gains = paths.turned(np.array([0]), CELL)[:, :, 0].sum(axis=-1)
    lags = np.array([1, 5, 10, 20, 40, 99])
    found = np.mean(gains[..., lags] * gains[..., :1].conj(), axis=(0, 1))
    turns = lags * CELL.subcarrier_spacing_hz * CELL.delay_s
    np.testing.assert_allclose(found, np.exp(-1j * np.pi * turns) * np.sinc(turns), atol=0.065)


@pytest.mark.parametrize("law", LAWS)
def test_correlation_over_time_is_that_of_the_law(drawn, law):
    paths = drawn(replace(CELL, doppler=law))
    symbols = np.array([0, 4, 10, 20, 40, 80])
    gains = paths.turned(symbols, replace(CELL, subcarriers=1))[:, :, :, 0].sum(axis=-1)
    found = np.mean(gains * gains[:, :, :1].conj(), axis=(0, 1))
    turns = CELL.most_doppler_hz * CELL.symbol_interval_s * symbols
    if law == "paths":
        expected = np.exp(1j * np.pi * turns) * np.sinc(turns)
    else:  # Clarke's J0, mean over speeds
        expected = [integrate.quad(lambda v, t=t: special.j0(2 * np.pi * v * t), 0, 1)[0] for t in turns]
    assert abs(expected[3]) < 0.8  # it does change
    np.testing.assert_allclose(found, expected, atol=0.065)


def test_a_users_paths_share_its_speed(drawn):
    """f_D^2 of a user's paths is f_max^2 v^2 cos^2: of two paths correlated, as one v is in both."""
    squares = (drawn(CELL).doppler_hz / CELL.most_doppler_hz) ** 2
    assert squares.max() <= 1.0
    assert np.mean(squares) == pytest.approx(1 / 6, abs=0.01)  # E v^2 E cos^2
    # E v^4 E cos^2 E cos^2 = 1/20: angles are independent, the speed is not; without it 1/36
    assert np.mean(squares[..., 0] * squares[..., 1]) == pytest.approx(1 / 20, abs=0.005)


def test_angles_are_uniform_on_the_circle(drawn):
    """The sine has the arcsine law: P(|sin| < 1/2) = 1/3; 32,000 draws, standard error 0.0026."""
    paths = drawn(CELL)
    for sine in (paths.arrival, paths.departure):
        assert np.mean(np.abs(sine) < 0.5) == pytest.approx(1 / 3, abs=0.011)
        assert np.mean(sine) == pytest.approx(0.0, abs=0.016)
    assert np.mean(paths.delay_s) == pytest.approx(CELL.delay_s / 2, rel=0.01)


@pytest.mark.parametrize("angle_deg", [-70.0, -13.0, 0.0, 30.0])
def test_beams_peak_where_the_path_is(angle_deg):
    """N_r N_t in power behind unit-modulus beams: N_r N_t at the path, its neighbours' nulls 2 / N away."""
    sine = np.full((1, 1, 1), np.sin(np.radians(angle_deg)))
    zero = np.zeros((1, 1, 1))
    paths = reference.PathArrays(zero + 1.0, sine, -sine, zero, zero)
    looks = sine.ravel() + np.array([0.0, 2 / 64, -2 / 64, 1 / 64])
    combiner = reference.steering(looks, 64).conj()[None, None, None]
    precoder = reference.steering(-sine.ravel(), 8).T[None, None, None]
    heard = reference.beam_channel(
        "up", paths, combiner, precoder, np.zeros(1, int), replace(CELL, subcarriers=1)
    )
    amplitude = np.abs(heard).ravel() / (64 * 8)
    np.testing.assert_allclose(amplitude[:3], [1.0, 0.0, 0.0], atol=1e-9)
    assert amplitude[3] == pytest.approx(2 / np.pi, rel=1e-3)  # half way to the null


# Beams and full matrices, torch and numpy


def full_matrices(paths: reference.PathArrays, symbols: np.ndarray, cell: MimoOfdm) -> np.ndarray:
    """Eq. (6), [frames, users, times, tones, station antennas, user antennas]."""
    ends = np.einsum(
        "fkpr,fkps->fkprs",
        reference.steering(paths.arrival, cell.station_antennas),
        reference.steering(paths.departure, cell.user_antennas).conj(),
    )
    return np.einsum("fktnp,fkprs->fktnrs", paths.turned(symbols, cell), ends)


@pytest.mark.parametrize("law", LAWS)
def test_beams_see_the_full_matrices(law):
    rng, symbols = np.random.default_rng(5), np.array([0, 3, 8])
    cell = replace(SMALL, doppler=law)
    paths = reference.drawn_paths(cell, 9, 4, 6)
    matrices = full_matrices(paths, symbols, cell)
    combiner, precoder = phases(rng, 1, 1, 3, 3, 5), phases(rng, 6, 2, 1, 3, 2)
    up = reference.beam_channel("up", paths, combiner, precoder, symbols, cell)
    np.testing.assert_allclose(
        up, combiner[..., None, :, :] @ matrices @ precoder[..., None, :, :], atol=1e-12
    )
    heard, sent = phases(rng, 1, 2, 3, 2, 3), phases(rng, 6, 1, 3, 5, 3)
    down = reference.beam_channel("down", paths, heard, sent, symbols, cell)
    turned = np.swapaxes(matrices, -1, -2)  # the same channel the other way
    np.testing.assert_allclose(down, heard[..., None, :, :] @ turned @ sent[..., None, :, :], atol=1e-12)


def test_torch_equals_numpy():
    torch = pytest.importorskip("torch")
    from semisac_ml.channels import mimo_ofdm

    rng, symbols = np.random.default_rng(6), np.array([0, 1, 5])
    paths = reference.drawn_paths(SMALL, 1, 0, 4)
    combiner, precoder = phases(rng, 4, 3, 5), phases(rng, 4, 2, 3, 2)
    found = mimo_ofdm.equivalent_channel(
        mimo_ofdm.MimoPaths.from_arrays(paths),
        torch.from_numpy(combiner).to(torch.complex64),
        torch.from_numpy(precoder).to(torch.complex64),
        torch.from_numpy(symbols),
        torch.arange(SMALL.subcarriers),
        SMALL,
    )
    expected = reference.beam_channel(
        "up", paths, combiner[:, None, None], precoder[:, :, None], symbols, SMALL
    )
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-5)


def test_torch_channel_is_differentiable_in_beams():
    torch = pytest.importorskip("torch")
    from semisac_ml.channels import mimo_ofdm

    generator = torch.Generator().manual_seed(1)
    paths = mimo_ofdm.drawn_paths(2, SMALL, generator)
    angles = torch.rand(1, 3, 5, generator=generator, requires_grad=True)
    precoder = torch.exp(2j * np.pi * torch.rand(2, 2, 3, 2, generator=generator))
    gains = mimo_ofdm.equivalent_channel(
        paths, torch.exp(1j * angles), precoder, torch.arange(2), torch.arange(SMALL.subcarriers), SMALL
    )
    (gradient,) = torch.autograd.grad(gains.abs().square().sum(), angles)
    assert torch.isfinite(gradient).all() and gradient.abs().max() > 0


# Noise


@pytest.mark.parametrize("alike", [False, True])
def test_noise_has_the_covariance_of_noise_before_the_combiner(alike):
    """Also where two beams are the same. 21,000 draws of power 5: standard error 0.035."""
    combiner = phases(np.random.default_rng(2), 3, 5)
    combiner[1] = combiner[0] if alike else combiner[1]
    wide = replace(SMALL, subcarriers=70)
    noise = reference.chain_noise(
        "up", combiner[None, None], np.arange(300), wide, seed=1, frame_id=7, snr_db=-3.0
    ).reshape(-1, 3)
    covariance = noise.T @ noise.conj() / len(noise)
    np.testing.assert_allclose(covariance, 10**0.3 * combiner @ combiner.conj().T, atol=4 * 0.035 * 10**0.3)


def test_labelled_snr_is_power_over_noise_of_an_antenna():
    """One antenna and chain at both ends, 4000 channels: mean power within 4 of 0.016."""
    cell = MimoOfdm(1, 1, 1, 1, users=1, subcarriers=4)
    one = np.ones((1, 1, 1, 1, 1))
    sent = np.ones((COUNT, 1, 1, 4, 1))
    clean = reference.transmit("up", sent, one, one, cell, seed=4, snr_db=200.0)
    noisy = reference.transmit("up", sent, one, one, cell, seed=4, snr_db=-10.0)
    assert np.mean(np.abs(clean) ** 2) == pytest.approx(1.0, abs=0.065)
    assert np.mean(np.abs(noisy - clean) ** 2) == pytest.approx(10.0, rel=0.04)


def test_paths_belong_to_seed_frame_and_user():
    both = reference.drawn_paths(CELL, 3, 5, 2)
    first = reference.drawn_paths(replace(CELL, users=1), 3, 6, 1)
    np.testing.assert_array_equal(both.gain[1:, :1], first.gain)
    np.testing.assert_array_equal(both.doppler_hz[1:, :1], first.doppler_hz)
    everything = [both.gain, reference.drawn_paths(CELL, 4, 5, 2).gain]
    assert len(np.unique(everything)) == np.size(everything)


def test_frames_do_not_depend_on_each_other():
    rng = np.random.default_rng(8)
    sent = phases(rng, 5, 2, 2, 7, 2)
    combiner, precoder = phases(rng, 1, 1, 1, 3, 5), phases(rng, 1, 2, 1, 3, 2)
    whole = reference.transmit("up", sent, combiner, precoder, SMALL, seed=3, snr_db=0.0, first_frame=10)
    one = reference.transmit("up", sent[3:4], combiner, precoder, SMALL, seed=3, snr_db=0.0, first_frame=13)
    np.testing.assert_array_equal(whole[3:4], one)
    later = reference.transmit(
        "up", sent[3:4, :, 1:], combiner, precoder, SMALL, seed=3, snr_db=0.0, first_frame=13, first_symbol=1
    )
    np.testing.assert_array_equal(whole[3:4, :, 1:], later)


# The street


@pytest.fixture(scope="module")
def moments(tmp_path_factory):
    return SceneSet.open(sample(tmp_path_factory.mktemp("street"))).moments


@pytest.mark.parametrize("normalised", [False, True])
def test_recorded_paths_give_the_channel_of_the_scene(moments, normalised):
    paths = street.mimo_paths(moments, normalised=normalised)
    assert paths.gain.shape == (len(moments), 2, 25)
    symbols = np.arange(14)
    for step in (0, 8):
        one = paths.at(np.array([step]))
        found = full_matrices(one, symbols, CELL)[0]
        for user in range(2):
            stored = moments[step].paths(user)
            expected = channel_from_paths(
                stored.gain,
                stored.delay_s,
                stored.doppler_hz,
                stored.departure_rad,
                stored.arrival_rad,
                normalised=normalised,
            )
            assert np.abs(stored.arrival_rad[:, 1]).max() > 0.05  # elevation counts
            np.testing.assert_allclose(found[user], expected, atol=3e-6 * np.abs(expected).max())


def test_torch_takes_the_paths_of_the_street(moments):
    torch = pytest.importorskip("torch")
    from semisac_ml.channels import mimo_ofdm

    rng = np.random.default_rng(1)
    paths = street.mimo_paths(moments[:2])
    combiner, precoder = phases(rng, 1, 2, 64), phases(rng, 1, 2, 8, 2)
    symbols = np.arange(0, 14, 4)
    found = mimo_ofdm.equivalent_channel(
        mimo_ofdm.MimoPaths.from_arrays(paths),
        torch.from_numpy(combiner).to(torch.complex64),
        torch.from_numpy(precoder).to(torch.complex64),
        torch.from_numpy(symbols),
        torch.arange(100),
        CELL,
    ).numpy()
    for step in range(2):
        for user in range(2):
            matrix = moments[step].channel(user, normalised=True)[symbols]
            expected = combiner[0] @ matrix @ precoder[0, user]
            np.testing.assert_allclose(found[step, user], expected, atol=2e-4 * np.abs(expected).max())


def test_a_vehicle_without_paths_is_silent(moments):
    from semisac_ml.data.scenes.truth import no_paths

    class Alone:
        def paths(self, user):
            return moments[0].paths(0) if user == 0 else no_paths()

    paths = street.mimo_paths([Alone()])
    assert np.abs(paths.gain[0, 0]).min() > 0
    assert not paths.gain[0, 1].any()


def test_files_of_paths_round_trip(moments, tmp_path):
    paths, file = street.mimo_paths(moments), tmp_path / "paths.npz"
    street.write_mimo_paths(file, paths)
    for found in (street.read_mimo_paths(file), street.read_mimo_paths(moments[0].folder)):
        for name in street.NAMES:
            np.testing.assert_array_equal(getattr(found, name), getattr(paths, name))


def test_wrong_files_of_paths_are_one_clear_line(moments, tmp_path):
    file = tmp_path / "paths.npz"
    with pytest.raises(DataError, match="cannot be read"):
        street.read_mimo_paths(file)
    file.write_bytes(b"nothing")
    with pytest.raises(DataError, match="paths.npz"):
        street.read_mimo_paths(file)
    good = {name: np.ones((2, 2, 3)) for name in street.NAMES}
    for wrong, told in (
        ({"delay_s": np.ones((2, 2, 4))}, "expected one shape"),
        ({"gain": np.full((2, 2, 3), np.nan)}, "gain is float64 or not finite"),
        ({"arrival": np.array([["near"] * 3] * 2 * 2).reshape(2, 2, 3)}, "arrival is <U4"),
    ):
        np.savez(file, **(good | wrong))
        with pytest.raises(DataError, match=told) as error:
            street.read_mimo_paths(file)
        assert "\n" not in str(error.value)
    np.savez(file, **good)
    with pytest.raises(DataError, match="3 users"):
        street.read_mimo_paths(file, MimoOfdm(users=3))
    with pytest.raises(DataError, match="paths of 3 carriers"):
        street.mimo_paths(moments[:1], MimoOfdm(users=3))
