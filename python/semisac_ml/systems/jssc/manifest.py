# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bundles of jssc say of themselves: images over the air, of one size or of any (``symbols.code``)."""

from __future__ import annotations

from semisac_ml.runtime.interfaces import ImageLink


class Interface(ImageLink):
    """Section ``interface`` of the manifest."""
