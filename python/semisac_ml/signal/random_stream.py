# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random draws that are the same in numpy and in the C++ blocks, whatever the batching.

Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) with key = (seed,
stream) and counter = (0, frame index, 0, 0). As numpy does, the counter's lowest word is incremented before
each block of four words. A word w becomes u = ((w >> 11) + 1) 2^-53, which lies in (0, 1], so that its
logarithm is finite. Each frame has its own counter: its draws do not depend on how many frames are handled in
a call.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

_WORD_RANGE = 1 << 64


class Stream(IntEnum):
    """Second key word: one independent stream for each random thing of the link."""

    FADING = 1
    NOISE = 2
    TARGET = 3
    ECHO_FADING = 4
    ECHO_NOISE = 5
    SAMPLE_NOISE = 6
    SAMPLE_FADING = 7
    PHASE_NOISE = 8
    GAPS = 9
    TARGETS = 10
    SWERLING = 11
    CLUTTER = 12
    RECEIVER_NOISE = 13
    PN_SIGNS = 14
    RADIO_START = 15
    PICTURE_PACKETS = 16
    MIMO_PATHS = 17
    STATION_NOISE = 18
    USER_NOISE = 19


def _key(seed: int, stream: int) -> np.ndarray:
    for name, value in (("seed", seed), ("stream", stream)):
        if not 0 <= int(value) < _WORD_RANGE:
            raise ValueError(
                f"{name} is {value}, expected an integer from 0 to 2^64 - 1: choose another {name}"
            )
    return np.array([int(seed), int(stream)], dtype=np.uint64)


def uniform_frames(seed: int, stream: int, first_frame: int, frames: int, size: int) -> np.ndarray:
    """Uniform draws of consecutive frames.

    Parameters
    ----------
    seed, stream : int
        Key words, 0 to 2^64 - 1.
    first_frame : int
        Index of the first frame since the block started.
    frames, size : int
        Number of frames, and of draws in each.

    Returns
    -------
    ndarray, float64 [frames, size]
        In (0, 1].

    Raises
    ------
    ValueError
        If a key word or the frame index is outside 0 .. 2^64 - 1.
    """
    if first_frame < 0 or first_frame + frames > _WORD_RANGE:
        raise ValueError(f"frame index {first_frame} is outside 0 .. 2^64 - 1: count frames from 0")
    generator = np.random.Philox(key=_key(seed, stream))
    state = generator.state
    words = np.empty((frames, size), dtype=np.uint64)
    for row in range(frames):
        state["state"]["counter"][:] = (0, first_frame + row, 0, 0)
        state["buffer_pos"] = 4  # nothing buffered: the next word comes from the next counter
        generator.state = state
        words[row] = generator.random_raw(size)
    return ((words >> np.uint64(11)).astype(np.float64) + 1.0) * 2.0**-53


def complex_normal_frames(seed: int, stream: int, first_frame: int, frames: int, size: int) -> np.ndarray:
    """CN(0, 1) draws of consecutive frames, complex128 [frames, size]; see :func:`complex_normal`."""
    return normal_from_uniform(uniform_frames(seed, stream, first_frame, frames, 2 * size))


def sample_words(seed: int, stream: int, first: int, count: int, lane: int = 0) -> np.ndarray:
    """Words of consecutive samples of a stream, uint64 [count].

    Sample n has word n % 4 of the block with counter (n // 4 + 1, lane, 0, 0): one word a sample, whatever
    part of the stream is asked for.

    Parameters
    ----------
    seed, stream : int
        Key words, 0 to 2^64 - 1.
    first, count : int
        Number of the first sample since the start, and how many.
    lane : int
        Which of several streams alike, for example the antenna.
    """
    if first < 0 or first + count > _WORD_RANGE:
        raise ValueError(f"sample {first} is outside 0 .. 2^64 - 1: count samples from 0")
    generator = np.random.Philox(key=_key(seed, stream), counter=[first // 4, lane, 0, 0])
    return generator.random_raw(first % 4 + count)[first % 4 :]


def sample_uniform(seed: int, stream: int, first: int, count: int, lane: int = 0) -> np.ndarray:
    """Uniform draws of consecutive samples, float64 [count] in (0, 1]; see :func:`sample_words`."""
    words = sample_words(seed, stream, first, count, lane)
    return ((words >> np.uint64(11)).astype(np.float64) + 1.0) * 2.0**-53


def sample_normal(seed: int, stream: int, first: int, count: int, lane: int = 0) -> np.ndarray:
    """CN(0, 1) draws of consecutive samples, complex128 [count]; see :func:`sample_words`.

    Box-Muller on the halves of a word: sqrt(-ln((lower + 1) / 2^32)) exp(j 2 pi upper / 2^32). |draw|^2 ends
    at 22.2, beyond which only 2.3e-10 of the draws would lie.
    """
    words = sample_words(seed, stream, first, count, lane)
    lower = (words & np.uint64(0xFFFFFFFF)).astype(np.float64)
    upper = (words >> np.uint64(32)).astype(np.float64)
    return np.sqrt(-np.log((lower + 1.0) * 2.0**-32)) * np.exp(2j * np.pi * 2.0**-32 * upper)


def normal_from_uniform(uniforms: np.ndarray) -> np.ndarray:
    """Box-Muller in polar form: pairs of uniforms [..., 2k] to CN(0, 1) draws [..., k].

    draw k = sqrt(-ln u[2k]) exp(j 2 pi u[2k+1]); E|draw|^2 = 1, variance 1/2 in each of I and Q.
    """
    return np.sqrt(-np.log(uniforms[..., 0::2])) * np.exp(2j * np.pi * uniforms[..., 1::2])


def uniform(seed: int, stream: int, frame_index: int, size: int) -> np.ndarray:
    """Uniform draws of one frame, float64 [size] in (0, 1]."""
    return uniform_frames(seed, stream, frame_index, 1, size)[0]


def complex_normal(seed: int, stream: int, frame_index: int, size: int) -> np.ndarray:
    """CN(0, 1) draws of one frame, complex128 [size]: unit mean power, half of it in each of I and Q."""
    return complex_normal_frames(seed, stream, frame_index, 1, size)[0]
