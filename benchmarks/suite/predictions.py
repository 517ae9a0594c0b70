# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time of a beam prediction by each bundle that ships, networks of its sensors included."""

from __future__ import annotations

import functools

import numpy as np

from semisac_ml.runtime import BeamPrediction, Bundle, list_bundles

from .record import Comparison, asked

MOST_MS = 10.0
SYSTEMS = ("vi_beam", "lam_msac")


def comparisons() -> list[Comparison]:
    """One for each bundle; processor time, for there is one thread."""
    names = [name for name in list_bundles() if name.partition("/")[0] in SYSTEMS]
    return [
        asked(
            "predictions",
            f"prediction of a beam, {name}, p95",
            "ms",
            MOST_MS,
            "of the project; one frame of all sensors a call, processor time of one thread",
            functools.partial(_p95_ms, name),
        )
        for name in names
    ]


@functools.cache
def _opened(name: str) -> tuple[Bundle, tuple[str, ...]]:
    bundle = Bundle.load(name)
    bundle.interface(BeamPrediction)
    return bundle, tuple(network for network in bundle.manifest.networks if network != "beams")


def _p95_ms(name: str, seconds: float) -> float:
    """Of 300 calls, however long they take."""
    from semisac_ml.beams.bundles import latency_s

    return 1e3 * float(np.percentile(latency_s(*_opened(name)), 95.0))
