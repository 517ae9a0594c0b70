# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of any size worth looking at: deep JSCC at 1/24, 1/12 and 1/6 of a channel use a value."""
