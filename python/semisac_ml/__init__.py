# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Learned integrated sensing and semantic communications: signals, bundles, data, training.

``signal``, ``runtime``, ``data`` and ``cli`` need neither PyTorch nor GNU Radio; ``channels``, ``layers`` and
``systems`` need PyTorch. Nothing here imports GNU Radio.
"""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

# ONNX Runtime reports each run to its maker (a device's id, paths) unless told not to before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    __version__ = version("semisac")
except PackageNotFoundError:  # a source tree on PYTHONPATH, not installed
    __version__ = "0.0.0+source"
