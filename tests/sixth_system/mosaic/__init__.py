# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Made up for tests: the mean colours of a picture's tiles in eight channel uses."""
