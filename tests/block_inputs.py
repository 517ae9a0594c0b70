# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Good input of the blocks: streams with their tags, UNITS units of each, and messages."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import block_testing as bt
import numpy as np
import onnx_files
import pmt
import tiny_beam_bundle
import tiny_fusion_bundle as tiny_fusion
import tiny_picture_bundle
import tiny_target_bundle as tiny_target
from driven_flow import Flow, Stream, Tag
from gnuradio import semisac
from gnuradio.semisac.beams.beam_messages import pdu, tick

from semisac_ml.signal import picture_packets
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.frame_modulation import modulate_frame
from semisac_ml.signal.mimo_ofdm import MimoOfdm

UNITS = 12
RATE_HZ = 1e6
FRAME = FrameParameters(sample_rate_hz=RATE_HZ, images_per_frame=2, chirp_samples=128, gap_samples=100)
LENGTH = FRAME.frame_samples
RADAR = dict(mode="ofdm", range_bins=64)
BEAMS, ELEMENTS, SNAPSHOTS = 8, 4, 8
HEIGHT = WIDTH = 16
START = (77, 0.5)
FOLDER = tempfile.TemporaryDirectory(prefix="semisac-blocks-")
atexit.register(FOLDER.cleanup)


def frame_parameters(images: int = 2):
    return semisac.frame_parameters(
        RATE_HZ, images_per_frame=images, chirp_samples=128, gap_samples=FRAME.gap_samples
    )


def radar_parameters():
    return semisac.radar_parameters(frame_parameters(), **RADAR)


def each(unit: int, key: str, values) -> list[Tag]:
    """A tag on the first item of each unit."""
    return [(place * unit, key, value) for place, value in enumerate(values)]


def ids(unit: int = 1, step: int = 1, count: int = UNITS) -> list[Tag]:
    return each(unit, "frame_id", [pmt.from_uint64(step * place) for place in range(count)])


def moment(sample: int):
    return pmt.make_tuple(pmt.from_uint64(START[0]), pmt.from_double(START[1] + sample / RATE_HZ))


def noise(count: int, length: int = 1, seed: int = 1) -> np.ndarray:
    return bt.frames(count, length, seed)


@cache
def sent() -> np.ndarray:
    symbols = noise(2 * UNITS, FRAME.channel_uses, 5).reshape(UNITS, 2, -1)
    return np.stack([modulate_frame(one, FRAME, 2 * n) for n, one in enumerate(symbols)]).astype(np.complex64)


def frame_tags() -> list[Tag]:
    """As frame_modulator writes them."""
    return [
        *ids(LENGTH, 2),
        *each(LENGTH, "images", [pmt.from_long(2)] * UNITS),
        *each(LENGTH, "packet_len", [pmt.from_long(LENGTH)] * UNITS),
    ]


def frames() -> Stream:
    return Stream(sent().reshape(-1, 1), frame_tags(), LENGTH)


def scheduled() -> Stream:
    """As frame_scheduler gives it in mode "stream"."""
    starts = each(LENGTH, "start_sample", [pmt.from_uint64(n * LENGTH) for n in range(UNITS)])
    return Stream(sent().reshape(-1, 1), [*frame_tags(), *starts], LENGTH)


def heard(level: float = 0.03, tags: Sequence[Tag] = ()) -> Stream:
    return Stream(sent().reshape(-1, 1) + np.float32(level) * noise(UNITS * LENGTH), tags, LENGTH)


def timed() -> Stream:
    return heard(0.03, each(LENGTH, "rx_time", [moment(n * LENGTH) for n in range(UNITS)]))


def bursts() -> Stream:
    """As frame_scheduler gives it in mode "bursts", for a radio with a clock."""
    tags = [
        *frame_tags(),
        *each(LENGTH, "tx_sob", [pmt.PMT_T] * UNITS),
        *each(LENGTH, "tx_time", [moment(n * (LENGTH + 10)) for n in range(UNITS)]),
        *[((n + 1) * LENGTH - 1, "tx_eob", pmt.PMT_T) for n in range(UNITS)],
    ]
    return Stream(sent().reshape(-1, 1), tags, LENGTH)


@cache
def aligned() -> Stream:
    """What frame_synchronizer makes of what is heard."""
    given = Flow(semisac.frame_synchronizer(frame_parameters()), [heard()]).run()
    tags = [
        (item, key, pmt.from_uint64(int(text)) if key == "sample_index" else pmt.from_double(float(text)))
        for item, key, text in given.tags[0]
    ]
    return Stream(given.items[0].view(np.complex64), tags)


def symbols(length: int = bt.CHANNEL_USES) -> Stream:
    tags = [
        *ids(),
        *each(1, "snr_db", [pmt.from_double(10.0)] * UNITS),
        *each(1, "channel_gain", [pmt.from_complex(1.0 + 0.0j)] * UNITS),
    ]
    return Stream(noise(UNITS, length, 2), tags)


def echoes() -> Stream:
    tags = each(1, "sensing_snr_db", [pmt.from_double(3.0)] * UNITS)
    return Stream(noise(UNITS, bt.CHANNEL_USES, 3), [*ids(), *tags])


def images(seed: int = 1) -> Stream:
    tags = [
        *ids(),
        *each(1, "label", [pmt.from_long(n % 10) for n in range(UNITS)]),
        *each(1, "image_time", [pmt.from_double(100.0 + n) for n in range(UNITS)]),
    ]
    return Stream(bt.pictures(UNITS, seed).reshape(UNITS, -1), tags)


def probabilities(count: int) -> Stream:
    values = np.random.default_rng(count).dirichlet(np.ones(count), UNITS).astype(np.float32)
    tags = each(1, "target_hypothesis", [pmt.from_long(n % 2) for n in range(UNITS)])
    return Stream(values, [*ids(), *tags])


def samples(unit: int) -> Stream:
    """Real numbers, with a frame_id on the first of each unit."""
    return Stream(noise(UNITS * unit, 1, 9).real.copy(), ids(unit), unit)


@cache
def onnx_file(kind: str) -> str:
    """An ONNX file for frames of 12 samples."""
    path = Path(FOLDER.name) / f"{kind}.onnx"
    path.write_bytes(getattr(onnx_files, kind)(12))
    return str(path)


def maps() -> Stream:
    cells = radar_parameters().map_cells
    found = noise(UNITS, cells, 7)
    found[np.arange(UNITS), np.arange(UNITS) + 3 * 64] = 40.0
    return Stream(found, ids())


@cache
def picture_bundle() -> str:
    return str(tiny_picture_bundle.make_tiny_picture_bundle(Path(FOLDER.name) / "jssc" / "pictures"))


@cache
def beam_bundle() -> str:
    return str(tiny_beam_bundle.make_tiny_beam_bundle(Path(FOLDER.name) / "vi_beam" / "beams"))


@cache
def target_bundle() -> str:
    return str(tiny_target.make_tiny_target_bundle(Path(FOLDER.name) / "simac" / "targets"))


@cache
def fusion_bundle(seed: int = 0) -> str:
    folder = Path(FOLDER.name) / "csc_sa_net" / f"fusion-{seed}"
    return str(tiny_fusion.make_tiny_fusion_bundle(folder, 100 * seed))


def user_pilots() -> Stream:
    """At a user's antennas."""
    cell, unit = tiny_fusion.CELL, tiny_fusion.PILOTS
    tags = [
        *ids(unit),
        *each(unit, "snr_db", [pmt.from_double(3.0)] * UNITS),
        *each(unit, "doppler_hz", [pmt.from_double(200.0)] * UNITS),
    ]
    return Stream(noise(UNITS * unit, cell.subcarriers * cell.user_antennas, 31), tags, unit)


def user_pictures() -> Stream:
    length = tiny_fusion.HEIGHT * tiny_fusion.WIDTH * 3
    return Stream(np.random.default_rng(32).integers(0, 256, (UNITS, length), dtype=np.uint8), ids())


def class_pictures(seed: int) -> Stream:
    """Thermal pictures, or classes."""
    length = tiny_fusion.HEIGHT * tiny_fusion.WIDTH
    values = np.random.default_rng(seed).integers(0, tiny_fusion.CLASSES, (UNITS, length), dtype=np.uint8)
    return Stream(values, ids())


def shown_beams() -> list[tuple[str, object]]:
    """Beams of both users and the station."""
    cell, made = tiny_fusion.CELL, []
    sizes = {0: cell.user_antennas * cell.user_chains, 1: cell.user_antennas * cell.user_chains}
    for frame in range(UNITS):
        for user, size in (sizes | {None: cell.station_antennas * cell.station_chains}).items():
            head = pmt.to_pmt({} if user is None else {"user": user})
            head = pmt.dict_add(head, pmt.intern("frame_id"), pmt.from_uint64(frame))
            values = np.exp(1j * np.arange(size) * frame).tolist()
            port = "combiner" if user is None else "beams"
            made.append((port, pmt.cons(head, pmt.init_c32vector(size, values))))
    return made


def station_heard() -> Stream:
    """At the station's chains."""
    cell, unit = tiny_fusion.CELL, tiny_fusion.SYMBOLS
    tags = [*ids(unit), *each(unit, "snr_db", [pmt.from_double(3.0)] * UNITS)]
    return Stream(noise(UNITS * unit, cell.subcarriers * cell.station_chains, 33), tags, unit)


def reports() -> list[tuple[str, object]]:
    """Feedback of both users."""
    made = []
    for frame in range(UNITS):
        for user in range(2):
            head = {"user": user, "pilots": 3, "feedback_bits": 16, "symbols": 2, "networks": 0}
            head = pmt.to_pmt(head | {"snr_db": 3.0, "doppler_hz": 200.0 + frame})
            head = pmt.dict_add(head, pmt.intern("frame_id"), pmt.from_uint64(frame))
            bits = np.random.default_rng(2 * frame + user).integers(0, 2, 16).tolist()
            made.append(("feedback", pmt.cons(head, pmt.init_u8vector(16, bits))))
    return made


def target_states() -> np.ndarray:
    """Of a target that comes nearer, float64 [UNITS, 3]."""
    place = np.arange(UNITS)
    return np.stack([90.0 - 3.0 * place, 0.05 * place - 0.3, 10.0 + place], axis=1)


def target_frames() -> Stream:
    pixels = np.random.default_rng(9).integers(0, 256, (UNITS, tiny_target.FRAME**2 * 3), dtype=np.uint8)
    return Stream(pixels, [*ids(), *each(1, "image_time", [pmt.from_double(100.0)] * UNITS)])


def target_echoes() -> Stream:
    return Stream(noise(UNITS, tiny_target.RADAR.antennas * tiny_target.ECHO_LENGTH, 11), ids())


def target_pictures() -> Stream:
    length = tiny_target.PICTURE**2 * 3
    return Stream(np.random.default_rng(13).integers(0, 256, (UNITS, length), dtype=np.uint8), ids())


def target_values(count: int) -> Stream:
    """Box or states with deviations."""
    return Stream(np.random.default_rng(count).random((UNITS, count), dtype=np.float32), ids())


def target_symbols() -> Stream:
    tags = symbols().tags
    return Stream(noise(UNITS, tiny_target.CHANNEL_USES, 12), tags)


def packets() -> Stream:
    """Packets of pictures, a unit a picture."""
    shape = (tiny_picture_bundle.CHANNELS, HEIGHT // 4, WIDTH // 4)
    every, numbers = [], []
    for number in range(UNITS):
        code = np.random.default_rng(number).standard_normal(shape).astype(np.float32)
        every.append(picture_packets.packets_of(code, 8, tiny_picture_bundle.CHANNEL_USES))
        numbers += picture_packets.packet_ids(number, 1, len(every[-1])).tolist()
    unit = len(every[0])
    count = len(numbers)
    tags = [
        *each(1, "frame_id", [pmt.from_uint64(int(number)) for number in numbers]),
        *each(1, "snr_db", [pmt.from_double(10.0)] * count),
        *each(1, "channel_gain", [pmt.from_complex(1.0 + 0.0j)] * count),
        *each(1, "cfo_hz", [pmt.from_double(0.0)] * count),
        *each(unit, "image_time", [pmt.from_double(100.0 + n) for n in range(UNITS)]),
    ]
    return Stream(np.concatenate(every), tags, unit)


CELL = MimoOfdm(station_antennas=4, user_antennas=2, subcarriers=6)
PILOTS = 3


def mimo_channel(direction: str, **how):
    chains, antennas = (2, 4) if direction == "up" else (2, 2)
    how = {"combiner": np.exp(1j * np.arange(chains * antennas)).reshape(chains, antennas)} | how
    return semisac.mimo_ofdm_channel(direction, PILOTS, patience_s=0.1, **how, **asdict(CELL))


def mimo_symbols(antennas: int, seed: int) -> Stream:
    """Frames of OFDM symbols of two chains with their precoder."""
    precoder = pmt.init_c32vector(2 * antennas, np.exp(1j * np.arange(2 * antennas) * seed).tolist())
    tags = [*ids(PILOTS), *each(PILOTS, "precoder", [precoder] * UNITS)]
    return Stream(noise(UNITS * PILOTS, 2 * CELL.subcarriers, seed), tags, PILOTS)


def users_symbols() -> list[Stream]:
    return [mimo_symbols(CELL.user_antennas, seed) for seed in (21, 22)]


def station_symbols() -> Stream:
    return mimo_symbols(CELL.station_antennas, 23)


def mimo_settings() -> list[tuple[str, object]]:
    return [("settings", pmt.to_pmt({"snr_db": 12.0}))]


def combiners() -> list[tuple[str, object]]:
    made = []
    for frame in range(UNITS):
        head = pmt.dict_add(pmt.make_dict(), pmt.intern("frame_id"), pmt.from_uint64(frame))
        phases = np.exp(1j * np.arange(8) * frame)
        made.append(("combiner", pmt.cons(head, pmt.init_c32vector(8, phases.tolist()))))
    return made


def pictures() -> Stream:
    pixels = np.random.default_rng(4).integers(0, 256, (UNITS, HEIGHT * WIDTH * 3), dtype=np.uint8)
    return Stream(pixels, [*ids(), *each(1, "image_time", [pmt.from_double(100.0)] * UNITS)])


def snapshots() -> Stream:
    tags = each(SNAPSHOTS, "rx_time", [moment(n * SNAPSHOTS) for n in range(UNITS)])
    return Stream(noise(UNITS * SNAPSHOTS, ELEMENTS), tags, SNAPSHOTS)


def powers_db(beams: int = BEAMS) -> np.ndarray:
    return np.random.default_rng(8).normal(-10.0, 3.0, (UNITS, beams)).astype(np.float32)


def sweeps() -> Stream:
    times = each(1, "time_s", [pmt.from_double(0.1 * n) for n in range(UNITS)])
    return Stream(powers_db(tiny_beam_bundle.BEAMS), times)


def at(frame: int) -> dict[str, object]:
    return {"frame": frame, "time_s": 0.1 * frame}


def worlds() -> list[tuple[str, object]]:
    asked = np.arange(3, dtype=np.int32)
    made = []
    for frame, power_db in enumerate(powers_db()):
        made += [("world", pdu(power_db, **at(frame))), ("measure", pdu(asked, frame=frame))]
    return made


def observations() -> list[tuple[str, object]]:
    made = []
    for frame in range(UNITS):
        seen = np.array([0.0, frame - 6.0], np.float32)
        made.append(("observations", pdu(seen, modality="position", **at(frame))))
        made.append(("observations", tick(**at(frame))))
    return made


def tracked() -> list[tuple[str, object]]:
    """Frames whose first measurement is answered, without a predictor."""
    made = []
    for frame, power_db in enumerate(powers_db(BEAMS)):
        made.append(("frame", tick(**at(frame), new_drive=True)))
        beams = np.arange(0, BEAMS, dtype=np.int32)
        told = {"modality": "power", "beams": beams, **at(frame)}
        made.append(("power", pdu(power_db, **told)))
    return made


def judged() -> list[tuple[str, object]]:
    made = []
    for frame, power_db in enumerate(powers_db()):
        beams = np.arange(3, dtype=np.int32)
        where = np.array([1.0, frame], np.float32)
        made += [
            ("observations", pdu(where, modality="position", **at(frame))),
            ("prediction", pdu(np.full(BEAMS, 1 / BEAMS, np.float32), **at(frame))),
            ("all_beams", pdu(power_db, **at(frame))),
            ("beam", pdu(power_db[:3], **at(frame), beam=1, measured=beams)),
        ]
    return made
