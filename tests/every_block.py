# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every block of the module: how to make its smallest instance, and what good input is to it.

Whoever adds a block adds it to BLOCKS: a test fails until then, and others ask it what all blocks are asked.
"""

from __future__ import annotations

import atexit
import inspect
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import block_testing as bt
import numpy as np
import pmt
import tiny_beam_bundle
import tiny_picture_bundle
from driven_flow import Flow, Given, Stream, Tag
from gnuradio import semisac
from gnuradio.semisac.beam_messages import pdu, tick
from gnuradio.semisac.radio.sigmf_sink import sigmf_sink
from gnuradio.semisac.radio.sigmf_source import sigmf_source

from semisac_ml.signal import picture_packets
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.frame_modulation import modulate_frame

UNITS = 12
RATE_HZ = 1e6
FRAME = FrameParameters(sample_rate_hz=RATE_HZ, images_per_frame=2, chirp_samples=128, gap_samples=100)
LENGTH = FRAME.frame_samples
RADAR = dict(mode="ofdm", range_bins=64)
BEAMS, ELEMENTS, SNAPSHOTS = 8, 4, 8
HEIGHT = WIDTH = 16
START = (77, 0.5)
_folder = tempfile.TemporaryDirectory(prefix="semisac-blocks-")
atexit.register(_folder.cleanup)


@dataclass(frozen=True)
class Block:
    """A block and what it is given.

    streams: of its inputs. messages: (port, message), good ones. most_items: of output 0, where it never
    ends. ordered: inputs behind the first come when that one has come. settles: units behind a damaged one
    whose outputs differ. reach: samples to which a filter looks back. near: largest difference to the
    outputs of a clean run, over the largest of them; 0: none. unseen: what is hit may not be found at all:
    whoever reads ids counts it. by_number: what it does to an item depends on the item's number since the
    start. passing: keys of tags that differ from run to run, or with the calls. results: what a sink came to
    know. bounds: names of the numbers that say how much it may remember.
    """

    make: Callable[[], object]
    streams: Callable[[], Sequence[Stream]] = tuple
    messages: Callable[[], Sequence[tuple[str, object]]] = tuple
    most_items: int = 0
    ordered: bool = False
    settles: int = 0
    reach: int = 0
    near: float = 0.0
    unseen: bool = False
    by_number: bool = False
    passing: tuple[str, ...] = ()
    results: Callable[[object], object] | None = None
    bounds: tuple[str, ...] = ()

    def flow(self, streams=None, messages=None, **how) -> Flow:
        streams = self.streams() if streams is None else streams
        messages = self.messages() if messages is None else messages
        return Flow(self.make(), streams, messages, self.most_items, self.ordered, **how)

    def run(self, streams=None, messages=None, **how) -> Given:
        return self.flow(streams, messages, **how).run()


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


def symbols() -> Stream:
    tags = [
        *ids(),
        *each(1, "snr_db", [pmt.from_double(10.0)] * UNITS),
        *each(1, "channel_gain", [pmt.from_complex(1.0 + 0.0j)] * UNITS),
    ]
    return Stream(noise(UNITS, bt.CHANNEL_USES, 2), tags)


def echoes() -> Stream:
    tags = each(1, "sensing_snr_db", [pmt.from_double(3.0)] * UNITS)
    return Stream(noise(UNITS, bt.CHANNEL_USES, 3), [*ids(), *tags])


def images(seed: int = 1) -> Stream:
    tags = [
        *ids(),
        *each(1, "label", [pmt.from_long(n % 10) for n in range(UNITS)]),
        *each(1, "tx_time", [pmt.from_double(100.0 + n) for n in range(UNITS)]),
    ]
    return Stream(bt.pictures(UNITS, seed).reshape(UNITS, -1), tags)


def probabilities(count: int) -> Stream:
    values = np.random.default_rng(count).dirichlet(np.ones(count), UNITS).astype(np.float32)
    tags = each(1, "target_hypothesis", [pmt.from_long(n % 2) for n in range(UNITS)])
    return Stream(values, [*ids(), *tags])


def maps() -> Stream:
    cells = radar_parameters().map_cells
    found = noise(UNITS, cells, 7)
    found[np.arange(UNITS), np.arange(UNITS) + 3 * 64] = 40.0
    return Stream(found, ids())


@cache
def picture_bundle() -> str:
    return str(tiny_picture_bundle.make_tiny_picture_bundle(Path(_folder.name) / "jssc" / "pictures"))


@cache
def beam_bundle() -> str:
    return str(tiny_beam_bundle.make_tiny_beam_bundle(Path(_folder.name) / "vi_beam" / "beams"))


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
        *each(unit, "tx_time", [pmt.from_double(100.0 + n) for n in range(UNITS)]),
    ]
    return Stream(np.concatenate(every), tags, unit)


def pictures() -> Stream:
    pixels = np.random.default_rng(4).integers(0, 256, (UNITS, HEIGHT * WIDTH * 3), dtype=np.uint8)
    return Stream(pixels, [*ids(), *each(1, "tx_time", [pmt.from_double(100.0)] * UNITS)])


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


def with_clock(block):
    """A start time, for blocks that wait for one."""
    block.set_start_time(*START)
    return block


def scheduler():
    block = semisac.frame_scheduler(RATE_HZ, "bursts", 0.0)
    block.set_time_scale(0.0)
    return with_clock(block)


def fixed_aligner():
    block = semisac.echo_aligner(frame_parameters(), 1, "fixed", 0, 100)
    block.set_latency_samples(0.0)
    return block


@cache
def qt_application():
    from PyQt5 import QtWidgets

    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


def with_qt(make: Callable[[], object]) -> Callable[[], object]:
    def made():
        qt_application()
        return make()

    return made


def painted(block) -> object:
    """What a sink would paint next; it is painted too."""
    newest = block.take_newest()
    if newest is not None:
        block._view._take_newest = lambda: newest
        block._view._refresh()
        block._view.grab()
    return newest


def link_figures(sink) -> object:
    figures = sink.summary()
    return {name: figures[name] for name in figures if "latency" not in name and "per_s" not in name}


@cache
def recording() -> str:
    base = str(Path(_folder.name) / "recording")
    Flow(sigmf_sink(base, RATE_HZ, overwrite=True), [heard(0.03, frame_tags())]).run()
    return base


def recorder():
    return sigmf_sink(str(Path(_folder.name) / "again"), RATE_HZ, overwrite=True)


def recorded(sink) -> object:
    return Path(sink.file()).with_suffix(".sigmf-data").read_bytes()


TARGETS = [{"range_m": 100.0, "velocity_mps": 10.0, "snr_db": 0.0}]

BLOCKS: dict[str, Block] = {
    "beam_codebook": Block(
        lambda: semisac.beam_codebook(ELEMENTS, BEAMS, snapshots=SNAPSHOTS, sample_rate_hz=RATE_HZ),
        lambda: [snapshots()],
        passing=("frame",),
    ),
    "beam_codebook by messages": Block(lambda: semisac.beam_codebook(ELEMENTS, BEAMS), messages=worlds),
    "beam_predictor": Block(
        lambda: semisac.beam_predictor(beam_bundle()), lambda: [sweeps()], settles=tiny_beam_bundle.FRAMES
    ),
    "beam_predictor by messages": Block(lambda: semisac.beam_predictor(beam_bundle()), messages=observations),
    "beam_replay": Block(
        lambda: semisac.beam_replay(frames_per_s=0, count=4),
        messages=lambda: [("next", tick())] * 3,
        passing=("frame", "time_s"),
    ),
    "beam_sink": Block(
        with_qt(lambda: semisac.beam_sink(BEAMS)),
        messages=judged,
        results=lambda sink: sink.figures(),
        bounds=("semisac_ml.signal.tracking_score.MOST_FRAMES", "gnuradio.semisac.beam_sink.REMEMBERED"),
    ),
    "beam_tracker": Block(lambda: semisac.beam_tracker(BEAMS, most=4), messages=tracked),
    "cfar_detector": Block(lambda: semisac.cfar_detector(radar_parameters()), lambda: [maps()]),
    "echo_aligner": Block(fixed_aligner, lambda: [scheduled(), heard()], ordered=True, by_number=True),
    "echo_aligner by leakage": Block(
        lambda: semisac.echo_aligner(frame_parameters(), 1, "leakage", 4 * LENGTH, 100),
        lambda: [scheduled(), heard()],
        ordered=True,
        near=0.05,
    ),
    "echo_channel": Block(
        lambda: semisac.echo_channel(bt.CHANNEL_USES),
        lambda: [symbols()],
        lambda: [("target", pmt.to_pmt({"hypothesis": 1}))],
        by_number=True,
        passing=("sensing_snr_db",),
    ),
    "echo_processor": Block(
        lambda: semisac.echo_processor(radar_parameters()), lambda: [frames(), heard(0.3)], near=0.3
    ),
    "fading_channel": Block(
        lambda: semisac.fading_channel(bt.CHANNEL_USES, "awgn", 10.0, 1),
        lambda: [symbols()],
        by_number=True,
        passing=("snr_db", "noise_var", "channel_gain"),
    ),
    "frame_demodulator": Block(lambda: semisac.frame_demodulator(frame_parameters()), lambda: [aligned()]),
    "frame_modulator": Block(
        # one image a frame: where ids jump, frames are cut otherwise
        lambda: semisac.frame_modulator(frame_parameters(1)),
        lambda: [symbols()],
    ),
    "frame_scheduler": Block(scheduler, lambda: [frames()]),
    "frame_synchronizer": Block(
        lambda: semisac.frame_synchronizer(frame_parameters()),
        lambda: [heard()],
        reach=64,
        near=1e-4,
        unseen=True,
    ),
    "gap_filler": Block(lambda: semisac.gap_filler(RATE_HZ), lambda: [timed()]),
    "image_sink": Block(
        with_qt(lambda: semisac.image_sink([str(n) for n in range(10)])),
        lambda: [images(), images(2), probabilities(10), probabilities(2)],
        results=painted,
        bounds=("gnuradio.semisac.frame_join.MOST_WAITING",),
    ),
    "image_source": Block(lambda: semisac.image_source(bt.pictures(UNITS)), passing=("tx_time", "frame_id")),
    "jscc_decoder": Block(lambda: semisac.jscc_decoder(bt.tiny_bundle()), lambda: [symbols()]),
    "jscc_encoder": Block(lambda: semisac.jscc_encoder(bt.tiny_bundle()), lambda: [images()]),
    "metrics_sink": Block(
        semisac.metrics_sink,
        lambda: [images(), images(2), probabilities(10), probabilities(2)],
        results=link_figures,
        bounds=(
            "gnuradio.semisac.link_metrics.MOST_FRAMES",
            "gnuradio.semisac.link_metrics.SSIM_FRAMES",
            "gnuradio.semisac.frame_join.MOST_WAITING",
        ),
    ),
    "picture_decoder": Block(
        lambda: semisac.picture_decoder(picture_bundle(), HEIGHT, WIDTH, classes=10), lambda: [packets()]
    ),
    "picture_encoder": Block(
        lambda: semisac.picture_encoder(picture_bundle(), HEIGHT, WIDTH), lambda: [pictures()]
    ),
    "range_doppler_sink": Block(
        with_qt(lambda: semisac.range_doppler_sink(radar_parameters())),
        lambda: [maps()],
        lambda: [
            (
                "detections",
                pmt.to_pmt(
                    {
                        "frame_id": n,
                        "detections": [{"range_m": 30.0, "velocity_mps": 1.0, "snr_db": 20.0 + n}],
                    }
                ),
            )
            for n in range(3)
        ],
        results=painted,
    ),
    "received_image_sink": Block(
        with_qt(lambda: semisac.received_image_sink([str(n) for n in range(10)])),
        lambda: [images(), probabilities(10)],
        results=painted,
    ),
    "sensing_decoder": Block(
        lambda: semisac.sensing_decoder(bt.tiny_bundle()), lambda: [symbols(), echoes()]
    ),
    "sigmf_sink": Block(recorder, lambda: [heard(0.03, frame_tags())], results=recorded),
    "sigmf_source": Block(lambda: sigmf_source(recording())),
    "simulated_receiver": Block(lambda: semisac.simulated_receiver(RATE_HZ), lambda: [heard()]),
    "simulated_transmitter": Block(
        lambda: with_clock(semisac.simulated_transmitter(RATE_HZ, 0.0)),
        lambda: [bursts()],
        most_items=UNITS * (LENGTH + 10),
        by_number=True,
    ),
    "target_emulator": Block(
        lambda: semisac.target_emulator(RATE_HZ, 2.45e9, targets=TARGETS),
        lambda: [frames()],
        lambda: [("targets", pmt.to_pmt(TARGETS))],
        reach=64,
        by_number=True,
    ),
    "task_decoder": Block(lambda: semisac.task_decoder(bt.tiny_bundle()), lambda: [symbols()]),
}

# Radios as blocks of GNU Radio Companion are made of blocks that are asked; whole ones need a top block and a
# device: tests/test_front_ends.py, test_usrp.py, test_pluto*.py.
WHOLE_RADIOS = ("radio_monostatic", "radio_sink", "radio_source")


def name_of(case: str) -> str:
    return case.split(" ")[0]


def is_block(value) -> bool:
    """Whether it is the class of a block, plain or hierarchical."""
    from gnuradio import gr

    return inspect.isclass(value) and (hasattr(value, "to_basic_block") or issubclass(value, gr.hier_block2))
