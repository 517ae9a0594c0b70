# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of the programs that use a radio: options, flowgraphs, run, status, results."""
