# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numpy reference of waveforms, channels, detectors, bounds and metrics."""
