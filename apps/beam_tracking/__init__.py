# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of run_beam_tracking.py: settings, flowgraph, run, report."""
