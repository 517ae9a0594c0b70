# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks exported in a tenth of the time, for tests of what is done with a bundle.

By the exporter that traces, which PyTorch before 2.9 has alone. What the newer one makes of each network is
held by tests of networks as ONNX files, which do not come here.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator

import pytest


@contextlib.contextmanager
def traced_export(but: Callable[..., bool] = lambda network: False) -> Iterator[None]:
    """Trace the networks that this process exports. but: says which not, as a trace has no branches."""
    from semisac_ml.training import onnx_export

    exported = onnx_export._exported

    def export(network, *told):
        if but(network):
            return exported(network, *told)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer PyTorch has another
            return onnx_export._traced(network, *told)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "_exported", export)
        yield
