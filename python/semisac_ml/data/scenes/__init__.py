# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A street that does not exist, seen by every sensor at once; ray-traced, with the truth beside it.

Coordinates are metres: x east, y north, z up, the ground at 0. Azimuths are measured from the boresight of
the base station, positive to its left (counter-clockwise from above). Only :mod:`.ray_tracer` needs the
packages of ``make scenes-env``; all the rest is numpy.
"""
