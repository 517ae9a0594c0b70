# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles of trained networks and their inference; needs numpy, pydantic and ONNX Runtime only."""

from __future__ import annotations

from .bundle import Bundle, check_replaceable, convert_bundle, list_bundles, model_folders, write_bundle
from .interfaces import BeamPrediction, FusionLink, ImageLink, Interface, SymbolLink, TargetLink
from .manifest import BundleError, Manifest, Metric, Network, Tensor
from .session import Session

__all__ = [
    "BeamPrediction",
    "Bundle",
    "BundleError",
    "FusionLink",
    "ImageLink",
    "Interface",
    "Manifest",
    "Metric",
    "Network",
    "Session",
    "SymbolLink",
    "TargetLink",
    "Tensor",
    "check_replaceable",
    "convert_bundle",
    "list_bundles",
    "model_folders",
    "write_bundle",
]
