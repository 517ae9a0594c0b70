# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles of trained networks and their inference; needs numpy, pydantic and ONNX Runtime only."""

from __future__ import annotations

from .bundle import Bundle, list_bundles, model_folders
from .bundle_writing import as_written, check_replaceable, convert_bundle, write_bundle
from .interfaces import (
    AnyNetwork,
    BeamPrediction,
    FusionLink,
    ImageLink,
    Interface,
    SymbolLink,
    TargetLink,
)
from .manifest import BundleError, Manifest, Metric, Network, Tensor
from .onnx_model import Signature, open_onnx, signature
from .precisions import PRECISIONS, Precision, int8_is_fast
from .providers import PROVIDERS, Provider, installed_providers
from .session import NotFiniteError, Session

__all__ = [
    "PRECISIONS",
    "PROVIDERS",
    "AnyNetwork",
    "BeamPrediction",
    "Bundle",
    "BundleError",
    "FusionLink",
    "ImageLink",
    "Interface",
    "Manifest",
    "Metric",
    "Network",
    "NotFiniteError",
    "Precision",
    "Provider",
    "Session",
    "Signature",
    "SymbolLink",
    "TargetLink",
    "Tensor",
    "as_written",
    "check_replaceable",
    "convert_bundle",
    "installed_providers",
    "int8_is_fast",
    "list_bundles",
    "model_folders",
    "open_onnx",
    "signature",
    "write_bundle",
]
