# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks from elsewhere, around which ``semisac bundle import`` has written a manifest."""
