# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What blocks know of the frames of their items: tags, symbols, and which items belong together."""
