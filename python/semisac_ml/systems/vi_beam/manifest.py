# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bundles of vi_beam say of themselves."""

from __future__ import annotations

from semisac_ml.runtime.interfaces import BeamPrediction


class Interface(BeamPrediction):
    """Section ``interface`` of the manifest."""
