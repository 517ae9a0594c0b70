# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac evaluate lam_msac``: train on some drives, measure on others."""

from __future__ import annotations

from semisac_ml.beams.commands import evaluate_command
from semisac_ml.systems.lam_msac.train import SYSTEM

command = evaluate_command(SYSTEM)
