# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export of the mixture of experts as a bundle."""

from __future__ import annotations

from semisac_ml.beams.commands import export_command
from semisac_ml.systems.lam_msac.train import SYSTEM

command = export_command(SYSTEM)
