# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loaders, each in its data set's own official format; needs numpy, Pillow and pooch."""

from __future__ import annotations


class DataError(ValueError):
    """Data that are missing, damaged or unreadable; the message says what to do."""
