# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the blocks of a fusion of several users share: bundles of one shape, what networks are told, tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pmt

from semisac_ml.runtime import Bundle, BundleError, FusionLink, Session
from semisac_ml.signal.radar_bounds import SPEED_OF_LIGHT_MPS

from .. import bundle_network

PILOTS = pmt.intern("pilots")
FEEDBACK_BITS = pmt.intern("feedback_bits")
SYMBOLS = pmt.intern("symbols")
NETWORKS = pmt.intern("networks")
DOPPLER_HZ = pmt.intern("doppler_hz")
PRECODER = pmt.intern("precoder")
MOST_FRAME_ID = 2**63 - 1


def open_bundles(bundles, provider=None, threads=None, precision=None) -> list[Bundle]:
    """Bundles of one folder or name, or of several between which frames choose.

    Raises BundleError where one is of another kind, or of another shape than the first.
    """
    several = isinstance(bundles, list | tuple)
    opened = [
        bundle_network.open_bundle(one, provider, threads, precision)
        for one in (bundles if several else [bundles])
    ]
    if not opened:
        raise BundleError("no bundle is given, expected one or several")
    first = shape_of(opened[0])
    for bundle in opened[1:]:
        for name, value in shape_of(bundle).items():
            if value != first[name]:
                raise BundleError(
                    f"bundle {bundle.name} has {name} {value}, expected {first[name]} as bundle "
                    f"{opened[0].name}: choose bundles of one shape"
                )
    return opened


def shape_of(bundle: Bundle) -> dict[str, object]:
    """What bundles between which frames choose must have in common."""
    link = bundle.interface(FusionLink)
    cell = link.cell
    return {
        "antennas": (cell.station_antennas, cell.user_antennas),
        "chains": (cell.station_chains, cell.user_chains),
        "subcarriers": cell.subcarriers,
        "frame": link.frame,
        "users": [(user.modality, user.channels) for user in link.users],
        "pictures": (link.height, link.width),
        "classes": link.classes,
    }


def open_networks(
    bundle: Bundle, wanted: Mapping[str, tuple[str, tuple[str, ...], str]]
) -> dict[str, Session]:
    """Sessions by role; wanted: name of the network, inputs that the block gives, output that it needs."""
    return {role: bundle_network.open_network(bundle, *told) for role, told in wanted.items()}


def run(session: Session, **offered: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of a network, given what it asks for."""
    return session.run(**{name: np.ascontiguousarray(offered[name]) for name in session.inputs})


def user_number(link: FusionLink, user: str | int) -> int:
    """Number of a user, by that or by the modality. Raises ValueError for any other."""
    names = [one.modality for one in link.users]
    if user in names:
        return names.index(user)
    if isinstance(user, int) and not isinstance(user, bool) and 0 <= user < len(names):
        return user
    raise ValueError(f"user is {user!r}, expected one of {', '.join(names)}, or 0 to {len(names) - 1}")


@dataclass(frozen=True)
class Sizes:
    """What a frame has, and by which of the bundles it is coded."""

    pilots: int
    feedback_bits: int
    symbols: int
    networks: int = 0

    @classmethod
    def of_tags(cls, tags: Mapping[str, float], link: FusionLink, bundles: int) -> Sizes:
        """As tags of a frame's first item say, the most where they say nothing that can be."""
        frame = link.frame

        def told(name: str, usual: int) -> int:
            value = tags[name]
            return int(value) if np.isfinite(value) and float(value).is_integer() else usual

        given = [told(name, getattr(frame, name)) for name in ("pilots", "feedback_bits", "symbols")]
        networks = told("networks", 0)
        try:
            sizes = frame.checked(*given)
        except ValueError:
            sizes = (frame.pilots, frame.feedback_bits, frame.symbols)
        return cls(*sizes, networks if 0 <= networks < bundles else 0)

    def told(self, link: FusionLink, snr_db: float, doppler_hz: float) -> np.ndarray:
        """Numbers LINK, float32 [5]; none beyond those that networks were trained for."""
        most_hz = link.cell.speed_mps * link.cell.carrier_hz / SPEED_OF_LIGHT_MPS
        numbers = (float(np.clip(snr_db, *link.snr_db)), self.pilots, self.feedback_bits, self.symbols)
        return np.array([*numbers, min(abs(doppler_hz), most_hz)], np.float32)


TAG_KEYS = {"pilots": PILOTS, "feedback_bits": FEEDBACK_BITS, "symbols": SYMBOLS, "networks": NETWORKS}


def complex_vector(values: np.ndarray):
    """PMT of complex values."""
    return pmt.init_c32vector(values.size, values.ravel().tolist())


def pdu(head: Mapping[str, int | float], values):
    """PDU of numbers by name and a uniform vector; frame_id as uint64."""
    entries = pmt.make_dict()
    for name, value in head.items():
        number = pmt.from_uint64(value) if name == "frame_id" else pmt.to_pmt(value)
        entries = pmt.dict_add(entries, pmt.intern(name), number)
    return pmt.cons(entries, values)


def by_networks(items: Sequence, which) -> dict[int, list]:
    """Items by the bundle that they are for; which: function of an item."""
    found: dict[int, list] = {}
    for item in items:
        found.setdefault(which(item), []).append(item)
    return found
