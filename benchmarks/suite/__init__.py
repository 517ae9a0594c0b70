# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of benchmarks/run.py: what is measured, against what, how, and how it is written down."""
