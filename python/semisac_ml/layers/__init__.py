# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers that two systems or more share."""

from __future__ import annotations

from semisac_ml.layers.equaliser import equalise
from semisac_ml.layers.karhunen_loeve import KarhunenLoeve
from semisac_ml.layers.matched_filter import MatchedFilterDetector
from semisac_ml.layers.multilayer_perceptron import ResidualPerceptron
from semisac_ml.layers.power import normalise_power

__all__ = [
    "KarhunenLoeve",
    "MatchedFilterDetector",
    "ResidualPerceptron",
    "equalise",
    "normalise_power",
]
