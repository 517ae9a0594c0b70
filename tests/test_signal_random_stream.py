# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The portable random stream against an independent Philox4x64-10 in Python integers, and its statistics."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal import random_stream
from semisac_ml.signal.random_stream import Stream

WORD = 2**64


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Ten rounds as in Salmon et al. 2011, table 2."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (second // WORD) ^ c1 ^ k0, second % WORD, (first // WORD) ^ c3 ^ k1, first % WORD
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) % WORD, (k1 + 0xBB67AE8584CAA73B) % WORD
    return c0, c1, c2, c3


def test_reference_gives_the_published_known_answer():
    # Random123, kat_vectors, philox4x64 10: counter and key all zero
    expected = (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)
    assert philox((0, 0, 0, 0), (0, 0)) == expected


@pytest.mark.parametrize(("seed", "stream", "frame"), [(0, 1, 0), (7, 2, 5), (2**64 - 1, 5, 2**40 + 3)])
def test_uniforms_are_the_philox_words(seed, stream, frame):
    words = [w for block in range(1, 4) for w in philox((block, frame, 0, 0), (seed, stream))]
    expected = [((word >> 11) + 1) / 2**53 for word in words[:10]]
    assert random_stream.uniform(seed, stream, frame, 10).tolist() == expected


def test_frames_do_not_depend_on_batching():
    together = random_stream.uniform_frames(3, Stream.NOISE, 10, 6, 7)
    for row in range(6):
        assert np.array_equal(together[row], random_stream.uniform(3, Stream.NOISE, 10 + row, 7))


def test_normal_draws_are_the_stated_transform():
    u = random_stream.uniform(1, Stream.FADING, 4, 8)
    expected = np.sqrt(-np.log(u[0::2])) * np.exp(2j * np.pi * u[1::2])
    assert np.array_equal(random_stream.complex_normal(1, Stream.FADING, 4, 4), expected)


def test_normal_draws_have_unit_power_shared_by_both_parts():
    draws = random_stream.complex_normal_frames(11, Stream.NOISE, 0, 2000, 100).ravel()
    deviation = 1 / np.sqrt(draws.size)  # of the mean power of CN(0, 1), and of each part's variance
    assert abs((np.abs(draws) ** 2).mean() - 1) < 4 * deviation
    assert abs(2 * draws.real.var() - 1) < 4 * np.sqrt(2) * deviation
    assert abs(2 * draws.imag.var() - 1) < 4 * np.sqrt(2) * deviation
    assert abs((draws**2).mean()) < 4 * np.sqrt(2) * deviation  # circular


def test_streams_and_seeds_differ():
    draws = [random_stream.uniform(seed, stream, 0, 4).tolist() for seed in (0, 1) for stream in (1, 2)]
    assert len({tuple(d) for d in draws}) == 4


@pytest.mark.parametrize(("seed", "frame"), [(-1, 0), (2**64, 0), (0, -1)])
def test_keys_outside_64_bits_are_refused(seed, frame):
    with pytest.raises(ValueError, match="2\\^64"):
        random_stream.uniform(seed, 1, frame, 1)
