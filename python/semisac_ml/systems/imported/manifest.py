# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bundles of networks from elsewhere say of themselves."""

from __future__ import annotations

from semisac_ml.runtime.interfaces import AnyNetwork


class Interface(AnyNetwork):
    """Section ``interface`` of the manifest."""
