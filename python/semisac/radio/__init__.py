# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Radios as front ends of one interface: USRP, Pluto, recordings, links between hosts, a simulated radio.

Every radio is a module here, named as ``--radio`` names it, with a class ``<radio>_front_end``. It is
imported when it is opened, so that nothing else needs UHD or libiio. The blocks of `gnuradio.semisac` import
nothing from here.
"""

from .calibration import Calibration, CalibrationError, CalibrationStore
from .companion import radio_monostatic, radio_sink, radio_source
from .events import EventCounters
from .front_end import Capabilities, RadioError, front_end, front_end_class, open_front_end, radios
from .settings import RadioSettings
