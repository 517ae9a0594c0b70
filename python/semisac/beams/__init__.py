# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beam tracking: blocks that talk by messages, the PDUs that they exchange, what is shown of them."""
