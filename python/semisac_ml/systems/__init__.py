# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One folder a system: ``model``, ``train``, ``evaluate``, ``baselines``, ``export``. Importing this marker imports none of them."""
