# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A system on samples at one SNR of the channel."""

from __future__ import annotations

import math

import numpy as np
import torch

from .model import Simac
from .samples import STATES, TEST
from .scoring import Outcome
from .tensors import SampleTensors, channel_state, with_other_sentences
from .tuned import TunedSimac

CHUNK = 64


@torch.no_grad()
def run(
    system: Simac | TunedSimac,
    tensors: SampleTensors,
    snr_db: float,
    fading: str,
    part: int = TEST,
    seed: int = 0,
    sensors: tuple[str, ...] | None = None,
    other_sentences: bool = False,
) -> Outcome:
    """A system on a part of the samples at one SNR of the channel.

    sensors: that work, of a system that can do without one; all by default. other_sentences: whether words
    tell of other SNRs than that of the channel.
    """
    system.eval()
    working = {} if sensors is None else {"sensors": sensors}
    rows = tensors.samples.of(part)
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    words_rng = np.random.default_rng([seed, 1])
    found: dict[str, list[np.ndarray]] = {}
    sent = []
    for chunk in np.array_split(rows, math.ceil(len(rows) / CHUNK)):
        batch = tensors.batch(chunk, rng)
        state = channel_state(np.full(len(chunk), snr_db), fading)
        if other_sentences:
            state = with_other_sentences(state, words_rng)
        outputs = system(batch.pictures, batch.echoes, state, fading, generator, **working)
        for task, value in outputs.items():
            found.setdefault(task, []).append(value.numpy())
        sent.append(batch.truth["picture"].numpy())
    low, high = tensors.limits.low, tensors.limits.high
    states = {
        task: low[place] + np.concatenate(found[task]).astype(np.float64) * (high - low)[place]
        for place, task in enumerate(STATES)
        if task in found
    }
    deviations = {
        task: (high - low)[place] * np.concatenate(found[f"{task}_deviation"]).astype(np.float64)
        for place, task in enumerate(STATES)
        if f"{task}_deviation" in found
    }
    if "picture" not in found:
        return Outcome(rows, states, deviations)
    pictures, shown = (_as_bytes(np.concatenate(part)) for part in (found["picture"], sent))
    return Outcome(rows, states, deviations, pictures, shown)


def _as_bytes(pictures: np.ndarray) -> np.ndarray:
    return np.rint(255.0 * np.clip(pictures, 0.0, 1.0)).astype(np.uint8).transpose(0, 2, 3, 1)
