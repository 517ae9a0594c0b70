# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One folder a system, each with ``model``, ``train``, ``evaluate``, ``baselines`` and ``export``.

Importing this package imports none of them.
"""
