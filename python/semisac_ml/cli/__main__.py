# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m semisac_ml.cli``, the same as ``semisac``."""

from . import main

main()
