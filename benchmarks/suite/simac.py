# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of simac, small and tuned, of one sample on one thread: ONNX Runtime against PyTorch."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from .record import Comparison
from .timing import call_rate

GOAL = 1.5
SIZES = {"small": ("MSF", "LSE", "SSD"), "tuned": ("encoder", "decoder")}


@functools.cache
def _calls(variant: str, name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """One inference by ONNX Runtime, one by PyTorch; made when it is first asked for, which takes seconds."""
    import torch

    from semisac_ml.runtime import Session
    from semisac_ml.systems.simac.timed_networks import timed_network

    one = timed_network(variant, name)
    session = Session(one.as_onnx(), *one.interface())
    arrays, tensors = one.arrays, tuple(one.sample.values())

    def by_pytorch() -> object:
        with torch.inference_mode():
            return one.network(*tensors)

    torch.set_num_threads(1)
    return lambda: session.run(**arrays), by_pytorch


def comparisons() -> list[Comparison]:
    """Each network in both; rates are of processor time, for there is one thread."""
    return [
        Comparison(
            group="simac",
            name=f"simac, {variant}, {name}",
            unit="samples/s",
            peer="PyTorch",
            peer_conditions="the same network, untrained, as it is written, batch 1, 1 thread",
            measure=functools.partial(_rate, variant, name, 0),
            measure_peer=functools.partial(_rate, variant, name, 1),
            goal=GOAL,
        )
        for variant, names in SIZES.items()
        for name in names
    ]


def _rate(variant: str, name: str, which: int, seconds: float) -> float:
    return call_rate(_calls(variant, name)[which], 1, seconds, clock=time.thread_time)
