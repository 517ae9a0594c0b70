# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets of a picture: exact there and back, whatever is lost on the way."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal import picture_packets as pp

USES = 64


def code(shape, sent: int, seed: int = 1) -> np.ndarray:
    """Gaussian values of mean square 1 in the channels that are sent."""
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    values[sent:] = 0.0
    return values / np.sqrt(np.mean(values[:sent] ** 2))


@pytest.mark.parametrize("sent", [4, 8, 16])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 8), (20, 31)])
def test_there_and_back_is_exact(size, sent):
    shape = (16, *size)
    values = code(shape, sent)
    packets = pp.packets_of(values, sent, USES)
    assert packets.dtype == np.complex64
    assert packets.shape == (pp.packet_count(shape, sent, USES), USES)
    came = np.ones(len(packets), bool)
    received, worth = pp.code_of(packets, came, np.full(len(packets), 10.0), shape, sent)
    np.testing.assert_allclose(received, values, atol=1e-6)
    assert worth[:sent].min() >= 10 / 11 - 1e-6
    assert not worth[sent:].any()


@pytest.mark.parametrize("sent", [4, 16])
def test_mean_power_of_a_picture_is_one(sent):
    """What fills the last packet is a sample of the rest: 64 of 4,096 symbols at most, 0.02 apart or less."""
    values = code((16, 33, 32), sent)
    power = np.mean(np.abs(pp.packets_of(values, sent, USES)) ** 2)
    assert power == pytest.approx(1.0, abs=0.02)
    whole = code((16, 32, 32), sent)  # fills its packets
    assert np.mean(np.abs(pp.packets_of(whole, sent, USES)) ** 2) == pytest.approx(1.0, abs=1e-5)


def test_every_number_of_lost_packets():
    shape, sent = (16, 20, 31), 8
    values = code(shape, sent)
    packets = pp.packets_of(values, sent, USES)
    rng = np.random.default_rng(5)
    for lost in range(len(packets) + 1):
        came = np.ones(len(packets), bool)
        came[rng.choice(len(packets), lost, replace=False)] = False
        damaged = np.where(came[:, None], packets, np.complex64(np.nan))
        received, worth = pp.code_of(damaged, came, np.zeros(len(packets)), shape, sent)
        there = worth > 0
        np.testing.assert_allclose(received[there], values[there], atol=1e-6)
        assert not received[~there].any()
        missing = there[:sent].size - np.count_nonzero(there)
        assert lost * 2 * USES - 2 * USES < missing <= lost * 2 * USES or missing == 0 == lost


def test_a_lost_packet_thins_out_the_whole_picture():
    """Values of a packet are a random sample: in 16 equal parts of the code their numbers are those of a
    hypergeometric draw. Chi-squared with 15 degrees of freedom exceeds 44.3 once in 10,000.
    """
    shape, sent = (16, 64, 64), 16
    order = pp.permutation(64, 64, sent)
    places = order[: 2 * 256]
    for part in (places // (16 * 64 * 64 // 16), places % 64 // 4, places // 64 % 64 // 4):
        counts = np.bincount(part, minlength=16)
        assert np.sum((counts - 32.0) ** 2) / 32.0 < 44.3
    assert np.array_equal(np.sort(order), np.arange(np.prod(shape)))


def test_the_permutation_is_of_the_picture_alone():
    """Both ends must find the same one."""
    assert pp.permutation(2, 2, 4).tolist() == [6, 14, 3, 13, 7, 5, 15, 9, 4, 10, 12, 0, 1, 8, 2, 11]
    assert not np.array_equal(pp.permutation(4, 8, 4), pp.permutation(8, 4, 4))


def test_packets_have_a_worth_each():
    shape, sent = (16, 16, 16), 8
    packets = pp.packets_of(code(shape, sent), sent, USES)
    snr_db = np.linspace(-5.0, 20.0, len(packets))
    _, worth = pp.code_of(packets, np.ones(len(packets), bool), snr_db, shape, sent)
    snr = 10.0 ** (snr_db / 10.0)
    values, counts = np.unique(worth[:sent].astype(np.float64), return_counts=True)
    np.testing.assert_allclose(values, snr / (1.0 + snr), rtol=1e-5)
    assert (counts == 2 * USES).all()


def test_what_comes_twice_counts_twice():
    """A code of half a packet: noise of both copies is averaged, 3 dB better than said of one.

    20,000 values, a standard error of 1 %.
    """
    shape, sent = (16, 4, 4), 4
    values = code(shape, sent)
    packets = pp.packets_of(values, sent, USES)
    rng = np.random.default_rng(3)
    errors = []
    for _ in range(320):
        noise = rng.standard_normal((*packets.shape, 2)) @ [1, 1j] * np.sqrt(0.5)
        received, worth = pp.code_of(packets + noise, np.ones(1, bool), np.zeros(1), shape, sent)
        errors.append(received[:sent] - values[:sent])
    np.testing.assert_allclose(worth[:sent], 2.0 / 3.0, rtol=1e-5)
    assert np.mean(np.square(errors)) == pytest.approx(0.5, rel=0.04)


def test_an_id_says_picture_ratio_and_packet():
    ids = np.concatenate([pp.packet_ids(picture, 2, 38) for picture in (0, 7, 70_000)]).astype(np.int64)
    assert (np.diff(ids) > 0).all()
    picture, ratio, packet = pp.parts_of_ids(ids)
    assert picture.tolist() == [0] * 38 + [7] * 38 + [70_000] * 38
    assert set(ratio.tolist()) == {2}
    assert packet.tolist() == 3 * list(range(38))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="at most 8192"):
        pp.packet_count((16, 2160, 3840), 16, 256)
    with pytest.raises(ValueError, match="expected 1 to 16"):
        pp.packet_count((16, 8, 8), 17, 256)
    with pytest.raises(ValueError, match="expected 0 to 7"):
        pp.packet_ids(0, 8, 1)
    with pytest.raises(ValueError, match="expected 0 to 8192"):
        pp.packet_ids(0, 0, 8193)
    with pytest.raises(ValueError, match="expected 8 of a picture"):
        pp.code_of(np.zeros((7, USES), np.complex64), np.ones(7, bool), np.zeros(7), (16, 16, 16), 4)
