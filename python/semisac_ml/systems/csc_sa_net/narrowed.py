# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network for any number of bits of feedback, without what only more bits need: most of its weights."""

from __future__ import annotations

import dataclasses

import torch

from .model import CscSaNet


@torch.no_grad()
def narrowed(model: CscSaNet, feedback_bits: int) -> CscSaNet:
    """The same network, for links of at most so many bits of feedback, for which it computes the same.

    Raises ValueError where it was made for one number of bits alone, or for fewer.
    """
    sizes = model.settings
    if feedback_bits == sizes.feedback_bits:
        return model
    if not sizes.flexible or not 1 <= feedback_bits <= sizes.feedback_bits:
        expected = f"1 to {sizes.feedback_bits}" if sizes.flexible else f"{sizes.feedback_bits}"
        raise ValueError(f"feedback_bits is {feedback_bits}, expected {expected} of this network")
    made = CscSaNet(dataclasses.replace(sizes, feedback_bits=feedback_bits))
    if made.station_channel.from_codes != model.station_channel.from_codes:
        raise ValueError(f"feedback_bits is {feedback_bits}, expected enough for the code of an angle")
    kept = made.settings.numbers
    state = model.state_dict()
    for name, values in state.items():
        if name.startswith("user_channel.") and ".feedback.last." in name:
            state[name] = values[:kept]
    embedding = "station_channel.embedding.weight"
    by_user = state[embedding].unflatten(1, (sizes.cell.users, sizes.numbers))
    state[embedding] = by_user[:, :, :kept].flatten(1)
    made.load_state_dict(state)
    return made.eval()
