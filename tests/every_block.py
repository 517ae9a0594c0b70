# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every block of the module: how to make its smallest instance, and what good input is to it.

Whoever adds a block adds it to BLOCKS: a test fails until then, and others ask it what all blocks are asked.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import block_inputs as good
import block_testing as bt
import pmt
import tiny_beam_bundle
from driven_flow import Flow, Given, Stream
from gnuradio import semisac
from gnuradio.semisac.beams.beam_messages import tick
from gnuradio.semisac.radio.sigmf_sink import sigmf_sink
from gnuradio.semisac.radio.sigmf_source import sigmf_source


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


def with_clock(block):
    """A start time, for blocks that wait for one."""
    block.set_start_time(*good.START)
    return block


def scheduler():
    block = semisac.frame_scheduler(good.RATE_HZ, "bursts", 0.0)
    block.set_time_scale(0.0)
    return with_clock(block)


def fixed_aligner():
    block = semisac.echo_aligner(good.frame_parameters(), 1, "fixed", 0, 100)
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
    base = str(Path(good.FOLDER.name) / "recording")
    Flow(sigmf_sink(base, good.RATE_HZ, overwrite=True), [good.heard(0.03, good.frame_tags())]).run()
    return base


def recorder():
    return sigmf_sink(str(Path(good.FOLDER.name) / "again"), good.RATE_HZ, overwrite=True)


def recorded(sink) -> object:
    return Path(sink.file()).with_suffix(".sigmf-data").read_bytes()


TARGETS = [{"range_m": 100.0, "velocity_mps": 10.0, "snr_db": 0.0}]

BLOCKS: dict[str, Block] = {
    "beam_codebook": Block(
        lambda: semisac.beam_codebook(
            good.ELEMENTS, good.BEAMS, snapshots=good.SNAPSHOTS, sample_rate_hz=good.RATE_HZ
        ),
        lambda: [good.snapshots()],
        passing=("frame",),
    ),
    "beam_codebook by messages": Block(
        lambda: semisac.beam_codebook(good.ELEMENTS, good.BEAMS), messages=good.worlds
    ),
    "beam_pattern_sink": Block(
        with_qt(lambda: semisac.beam_pattern_sink(good.fusion_bundle())),
        messages=good.shown_beams,
        results=painted,
    ),
    "beam_predictor": Block(
        lambda: semisac.beam_predictor(good.beam_bundle()),
        lambda: [good.sweeps()],
        settles=tiny_beam_bundle.FRAMES,
    ),
    "beam_predictor by messages": Block(
        lambda: semisac.beam_predictor(good.beam_bundle()), messages=good.observations
    ),
    "beam_replay": Block(
        lambda: semisac.beam_replay(frames_per_s=0, count=4),
        messages=lambda: [("next", tick())] * 3,
        passing=("frame", "time_s"),
    ),
    "beam_sink": Block(
        with_qt(lambda: semisac.beam_sink(good.BEAMS)),
        messages=good.judged,
        results=lambda sink: sink.figures(),
        bounds=(
            "semisac_ml.signal.tracking_score.MOST_FRAMES",
            "gnuradio.semisac.beams.beam_sink.REMEMBERED",
        ),
    ),
    "beam_tracker": Block(lambda: semisac.beam_tracker(good.BEAMS, most=4), messages=good.tracked),
    "cfar_detector": Block(lambda: semisac.cfar_detector(good.radar_parameters()), lambda: [good.maps()]),
    "echo_aligner": Block(
        fixed_aligner, lambda: [good.scheduled(), good.heard()], ordered=True, by_number=True
    ),
    "echo_aligner by leakage": Block(
        lambda: semisac.echo_aligner(good.frame_parameters(), 1, "leakage", 4 * good.LENGTH, 100),
        lambda: [good.scheduled(), good.heard()],
        ordered=True,
        near=0.05,
    ),
    "echo_channel": Block(
        lambda: semisac.echo_channel(bt.CHANNEL_USES),
        lambda: [good.symbols()],
        lambda: [("target", pmt.to_pmt({"hypothesis": 1}))],
        by_number=True,
        passing=("sensing_snr_db",),
    ),
    "echo_processor": Block(
        lambda: semisac.echo_processor(good.radar_parameters()),
        lambda: [good.frames(), good.heard(0.3)],
        near=0.3,
    ),
    "fading_channel": Block(
        lambda: semisac.fading_channel(bt.CHANNEL_USES, "awgn", 10.0, 1),
        lambda: [good.symbols()],
        by_number=True,
        passing=("snr_db", "noise_var", "channel_gain"),
    ),
    "frame_demodulator": Block(
        lambda: semisac.frame_demodulator(good.frame_parameters()), lambda: [good.aligned()]
    ),
    "frame_modulator": Block(
        # one image a frame: where ids jump, frames are cut otherwise
        lambda: semisac.frame_modulator(good.frame_parameters(1)),
        lambda: [good.symbols()],
    ),
    "frame_scheduler": Block(scheduler, lambda: [good.frames()]),
    "frame_synchronizer": Block(
        lambda: semisac.frame_synchronizer(good.frame_parameters()),
        lambda: [good.heard()],
        reach=64,
        near=1e-4,
        unseen=True,
    ),
    "fusion_station": Block(
        lambda: semisac.fusion_station(good.fusion_bundle(), patience_s=1000.0),
        lambda: [good.station_heard()],
        good.reports,
        by_number=True,  # of each frame feedback comes once
    ),
    "fusion_user": Block(
        lambda: semisac.fusion_user(good.fusion_bundle(), "colour"),
        lambda: [good.user_pilots(), good.user_pictures()],
    ),
    "gap_filler": Block(lambda: semisac.gap_filler(good.RATE_HZ), lambda: [good.timed()]),
    "image_sink": Block(
        with_qt(lambda: semisac.image_sink([str(n) for n in range(10)])),
        lambda: [good.images(), good.images(2), good.probabilities(10), good.probabilities(2)],
        results=painted,
        bounds=("gnuradio.semisac.frames.frame_join.MOST_WAITING",),
    ),
    "image_source": Block(
        lambda: semisac.image_source(bt.pictures(good.UNITS)), passing=("image_time", "frame_id")
    ),
    "jscc_decoder": Block(lambda: semisac.jscc_decoder(bt.tiny_bundle()), lambda: [good.symbols()]),
    "jscc_encoder": Block(lambda: semisac.jscc_encoder(bt.tiny_bundle()), lambda: [good.images()]),
    "lfm_echo_source": Block(
        lambda: semisac.lfm_echo_source(good.target_bundle(), good.target_states()), passing=("frame_id",)
    ),
    "metrics_sink": Block(
        semisac.metrics_sink,
        lambda: [good.images(), good.images(2), good.probabilities(10), good.probabilities(2)],
        results=link_figures,
        bounds=(
            "gnuradio.semisac.metrics.link_metrics.MOST_FRAMES",
            "gnuradio.semisac.metrics.link_metrics.SSIM_FRAMES",
            "gnuradio.semisac.frames.frame_join.MOST_WAITING",
        ),
    ),
    "mimo_ofdm_channel": Block(lambda: good.mimo_channel("up"), good.users_symbols, good.mimo_settings),
    "mimo_ofdm_channel by messages": Block(
        lambda: good.mimo_channel("up", combiner=None),
        good.users_symbols,
        lambda: [*good.mimo_settings(), *good.combiners()],
        by_number=True,  # of each frame one combiner comes
    ),
    "mimo_ofdm_channel down": Block(
        lambda: good.mimo_channel("down"), lambda: [good.station_symbols()], good.mimo_settings
    ),
    "multi_head_decoder": Block(
        lambda: semisac.multi_head_decoder(good.target_bundle()), lambda: [good.target_symbols()]
    ),
    "multimodal_encoder": Block(
        lambda: semisac.multimodal_encoder(good.target_bundle()),
        lambda: [good.target_frames(), good.target_echoes()],
        lambda: [("channel", pmt.to_pmt({"snr_db": 12.0}))],
    ),
    "onnx_inference": Block(
        lambda: semisac.onnx_inference(
            good.onnx_file("mixer"),
            [("complex", 12), ("float", 3)],
            [("complex", 12), ("float", 3), ("int", 1)],
        ),
        lambda: [good.symbols(12), good.probabilities(3)],
    ),
    "onnx_inference of streams": Block(
        lambda: semisac.onnx_inference(
            good.onnx_file("smoother"), [("float", 1)], [("float", 2), ("float", 1)], before=3, after=4
        ),
        lambda: [good.samples(unit=5)],
        settles=1,
        reach=4,
        by_number=True,
    ),
    "picture_decoder": Block(
        lambda: semisac.picture_decoder(good.picture_bundle(), good.HEIGHT, good.WIDTH, classes=10),
        lambda: [good.packets()],
    ),
    "picture_encoder": Block(
        lambda: semisac.picture_encoder(good.picture_bundle(), good.HEIGHT, good.WIDTH),
        lambda: [good.pictures()],
    ),
    "pilot_source": Block(
        lambda: semisac.pilot_source(good.fusion_bundle(), count=good.UNITS), passing=("frame_id",)
    ),
    "range_doppler_sink": Block(
        with_qt(lambda: semisac.range_doppler_sink(good.radar_parameters())),
        lambda: [good.maps()],
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
        lambda: [good.images(), good.probabilities(10)],
        results=painted,
    ),
    "segmentation_sink": Block(
        with_qt(lambda: semisac.segmentation_sink(good.fusion_bundle(), frames=1)),
        lambda: [good.user_pictures(), *(good.class_pictures(seed) for seed in (1, 2, 3))],
        results=painted,
        bounds=("gnuradio.semisac.frames.frame_join.MOST_WAITING",),
    ),
    "sensing_decoder": Block(
        lambda: semisac.sensing_decoder(bt.tiny_bundle()),
        lambda: [good.symbols(), good.echoes()],
        near=1e-6,
    ),
    "sigmf_sink": Block(recorder, lambda: [good.heard(0.03, good.frame_tags())], results=recorded),
    "sigmf_source": Block(lambda: sigmf_source(recording())),
    "simulated_receiver": Block(lambda: semisac.simulated_receiver(good.RATE_HZ), lambda: [good.heard()]),
    "simulated_transmitter": Block(
        lambda: with_clock(semisac.simulated_transmitter(good.RATE_HZ, 0.0)),
        lambda: [good.bursts()],
        most_items=good.UNITS * (good.LENGTH + 10),
        by_number=True,
    ),
    "target_emulator": Block(
        lambda: semisac.target_emulator(good.RATE_HZ, 2.45e9, targets=TARGETS),
        lambda: [good.frames()],
        lambda: [("targets", pmt.to_pmt(TARGETS))],
        reach=64,
        by_number=True,
    ),
    "target_sink": Block(
        with_qt(lambda: semisac.target_sink(good.target_bundle())),
        lambda: [
            good.target_frames(),
            good.target_echoes(),
            good.target_values(4),
            good.target_pictures(),
            good.target_values(6),
        ],
        results=painted,
        bounds=("gnuradio.semisac.frames.frame_join.MOST_WAITING",),
    ),
    "task_decoder": Block(lambda: semisac.task_decoder(bt.tiny_bundle()), lambda: [good.symbols()]),
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
