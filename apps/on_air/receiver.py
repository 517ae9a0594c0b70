# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line and flowgraph of run_receiver.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from common.pictures import Pictures, load_pictures
from cyclopts import Parameter
from gnuradio import blocks, gr, semisac
from gnuradio.semisac.radio import front_end
from pydantic import Field

from semisac_ml.command_line import Options, run_program
from semisac_ml.outputs import is_standard_output
from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal.metrics import Metric

from .command import Program, on_air_flowgraph, on_air_program
from .level import ReceivedLevel
from .options import FrameOptions, RadioOptions, RunOptions
from .picture_files import PictureFiles
from .received import received_images
from .sending import fingerprint
from .status import Rows
from .window import Window, start_qt

BATCH = 64

program = on_air_program(
    "run_receiver.py",
    "run_receiver.py --radio simulation --truth sample --window",
    "run_receiver.py --radio usrp --rx-antenna RX2 --rx-gain-db 40 --save pictures",
    "run_receiver.py --radio pluto --address ip:192.168.2.1 --most-cfo-hz 80e3 --json result.json",
    "run_receiver.py --radio file --address frames --images 100 --print",
)


class ReceiverOptions(Options):
    """What is received, and where it goes."""

    truth: str = Field(
        "",
        description="What is sent, for PSNR and accuracy: **sample**, **cifar10**, a picture or folder.",
    )
    most_cfo_hz: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Largest carrier offset looked for, up to 0.1 of the chirp's bandwidth; 0: 0.02 of the "
        "sample rate. Two radios of 20 ppm may differ by 98 kHz at 2.45 GHz.",
    )
    images: int = Field(0, ge=0, description="Stop after so many images; 0: no limit.")
    save: Path | None = Field(None, description="Folder for the pictures, made if need be.")
    print_images: Annotated[bool, Parameter(name="--print")] = Field(
        False, description="Print a line for each image: number, class, SNR."
    )

    def plain(self) -> dict[str, object]:
        """For JSON."""
        named = self.model_dump() | {"save": str(self.save or "")}
        return named | {"print": named.pop("print_images")}


@program.default
def receive(
    *,
    own: ReceiverOptions = ReceiverOptions(),
    radio: RadioOptions,
    frame: FrameOptions = FrameOptions(),
    run: RunOptions = RunOptions(),
) -> int:
    """Receive images through a radio: synchronise, demodulate, rebuild the pictures, name what they show.

    Bundle and frame options must be those of the transmitter; frames of others are counted and left alone.
    """
    if own.print_images and run.json_file and is_standard_output(run.json_file):
        raise ValueError("--print and --json - both write to standard output: give --json a file")
    called = Program("run_receiver", "receive", radio.settings(), frame, run, own.plain())
    size = frame.pictures(called.bundle)
    pictures = None
    if own.truth:
        pictures = load_pictures(own.truth) if size is None else size.load(own.truth)
        if not isinstance(pictures.images, np.ndarray):
            raise ValueError(
                f"--truth is {own.truth}, expected pictures: a camera or video cannot be compared with"
            )
    return called.on_air(lambda: receiver_flowgraph(called, own, pictures))


class receiver_flowgraph(on_air_flowgraph):
    """From the radio to pictures and classes; of the networks those that the bundle holds."""

    def __init__(self, called: Program, own: ReceiverOptions, truth: Pictures | None):
        on_air_flowgraph.__init__(self, "receiver")
        self._called, self._images = called, own.images
        bundle, layout = called.bundle, called.layout
        self.synchronizer = semisac.frame_synchronizer(layout, most_cfo_hz=own.most_cfo_hz)
        self.demodulator = semisac.frame_demodulator(layout, fingerprint(bundle))
        rebuilds, names = bundle.has("reconstruction"), bundle.has("task")
        if not (rebuilds or names):
            raise ValueError(
                f"bundle {bundle.name} holds no network for images (reconstruction, task): choose another "
                "--bundle"
            )
        link = bundle.interface(ImageLink)
        size = called.frame.pictures(bundle)
        if size is None:
            self.decoder = semisac.jscc_decoder(bundle, BATCH) if rebuilds else None
            self.task = semisac.task_decoder(bundle, BATCH) if names else None
            shape = _picture_shape(bundle) if rebuilds else None
        else:
            classes = len(link.classes) if names else 0
            self.decoder = semisac.picture_decoder(
                bundle, size.height, size.width, layout.images_per_frame, classes
            )
            self.task, shape = None, size.shape
        if own.save is not None and not rebuilds:
            raise ValueError(
                f"--save needs pictures, but bundle {bundle.name} holds no reconstruction network"
            )
        self.files = None
        if own.save is not None or own.print_images:
            self.files = PictureFiles(
                own.save, own.print_images, shape, lambda index: self.sink.class_name(index)
            )
        self.sink = received_images(
            shape,
            list(link.classes) if names else [],
            list(link.animal_classes),
            truth,
            own.images,
            self.files.take if self.files else None,
        )
        self.window = self._make_window(list(link.classes)) if called.run.window else None
        self.connect(self.synchronizer, self.demodulator)
        for port, block in enumerate(block for block in (self.decoder, self.task) if block is not None):
            self.connect(self.demodulator, block, (self.sink, port))
        self._pictures = self.decoder if size is not None else None
        if self._pictures is not None and names:
            self.connect((self.decoder, 1), (self.sink, 1))

    def connect_radio(self, radio: front_end) -> None:
        self._level = ReceivedLevel(self, radio)
        self.connect(radio.rx(0), self.synchronizer)
        self._unused = [blocks.null_sink(gr.sizeof_gr_complex) for _ in range(1, radio.settings.rx_channels)]
        for channel, block in enumerate(self._unused, 1):
            self.connect(radio.rx(channel), block)

    def nothing_received(self) -> str:
        if self.sink.count:
            return ""
        detected = self.synchronizer.frames_detected()
        if not detected:
            return self._level.said_without("frame was detected")
        return f"{detected} frames were detected, but no image was received; lost: {self._lost()}"

    def finished(self) -> bool:
        return bool(self._images) and self.sink.count >= self._images

    def _lost(self) -> str:
        counters = self.counters()
        lost = (f"{counters[name]} {reason}" for name, reason in LOST.items() if counters.get(name))
        return ", ".join(lost) or "none"

    def rows(self) -> Rows:
        last, counters = self.sink.last(), self.counters()
        said = f"{self.sink.class_name(last['class'])} ({100 * last['probability']:.0f} %)"
        return [
            ("frames received", str(counters["frames_received"])),
            ("lost", self._lost()),
            ("images", str(self.sink.count)),
            ("newest image", f"{last['frame_id']}: {said}" if last["class"] >= 0 else ""),
            ("SNR", f"{last['snr_db']:.1f} dB" if self.sink.count else ""),
            ("carrier offset", f"{last['cfo_hz']:.0f} Hz" if np.isfinite(last["cfo_hz"]) else ""),
        ]

    def counters(self) -> dict[str, int]:
        synchronizer, demodulator = self.synchronizer, self.demodulator
        counts = {
            "frames_detected": synchronizer.frames_detected(),
            "frames_received": demodulator.frames_received(),
            "frames_truncated": synchronizer.frames_truncated(),
            "frames_with_gap": synchronizer.frames_with_gap(),
            "frames_with_bad_header": demodulator.frames_with_bad_header(),
            "frames_with_wrong_parameters": demodulator.frames_with_wrong_parameters(),
            "frames_with_wrong_bundle": demodulator.frames_with_wrong_bundle(),
            "candidates_dropped": synchronizer.candidates_dropped(),
            "images_received": self.sink.count,
        }
        if self._pictures is None:
            counts["images_lost"] = demodulator.images_lost()
        else:
            counts |= {
                "images_lost": self._pictures.pictures_lost(),
                "images_damaged": self._pictures.pictures_damaged(),
                "packets_lost": self._pictures.packets_lost(),
            }
        counts["begun_again"] = self.sink.begun_again
        if self.files is not None:
            counts |= {"pictures_saved": self.files.saved, "pictures_left_out": self.files.left_out}
        return counts

    def figures(self) -> dict[str, Metric]:
        return self.sink.figures()

    def details(self) -> dict[str, object]:
        return {"classes": self.sink.classes(), "images": self.sink.latest()}

    def close(self) -> None:
        if self.files is not None:
            self.files.close()

    def _make_window(self, class_names: list[str]) -> Window:
        start_qt()
        from gnuradio.semisac.images.image_view import ImageView

        view = ImageView(self.sink.take_newest, class_names if self._called.bundle.has("task") else [], 20.0)
        return Window("semisac receiver", [view])


LOST = {
    "images_lost": "images",
    "images_damaged": "images damaged",
    "frames_truncated": "frames cut short",
    "frames_with_gap": "with a gap",
    "frames_with_bad_header": "with a bad header",
    "frames_with_wrong_parameters": "of other parameters",
    "frames_with_wrong_bundle": "of another bundle",
}


def _picture_shape(bundle: Bundle) -> tuple[int, int, int]:
    """Height, width and colours of the pictures that a bundle rebuilds."""
    colours, height, width = bundle.manifest.networks["reconstruction"].outputs[0].shape[1:]
    return int(height), int(width), int(colours)


def run(arguments: list[str]) -> int:
    """Run a command line of this program and return its exit code."""
    return run_program(program, arguments)
