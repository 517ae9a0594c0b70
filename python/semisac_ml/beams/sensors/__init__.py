# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beam prediction from camera, LiDAR and radar beside power and position, any of which may be absent."""
