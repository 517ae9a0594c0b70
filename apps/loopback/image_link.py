# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What links of images share: options, figures, the ends of the flowgraph, and the target that they sense."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from common.options import completed, snr_warnings
from common.pictures import Pictures
from common.results import IMAGE_ROWS, Row, decimals, percent
from gnuradio import gr, semisac
from markupsafe import Markup

from semisac_ml.command_line import Options
from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal.metrics import Metric

from .air import AirSummary, summarise
from .image_report import ImageReport, Kept
from .link import Link, link_flowgraph
from .options import ChannelOptions, LinkOptions, RadarOptions, SensingOptions, WaveformOptions, WayOptions
from .physical_layer import symbols_layer, waveform_layer
from .waveform import WaveformSettings

EXAMPLES = 12
CONSTELLATION_FRAMES = 400


class LinkOfImages(Link):
    """Images as symbols through the shared physical layer, and a target found by the same symbols.

    channel, sensing: options, completed by the bundle. waveform: None for bare symbols. pictures: what is
    sent, once it is loaded.
    """

    OPTIONS = (ChannelOptions, SensingOptions, WaveformOptions, WayOptions, RadarOptions)
    INTERFACE = ImageLink
    NETWORKS: tuple[str, ...] = ("encoder", "reconstruction")
    ROWS = {
        "frames_sent": Row("Images sent", decimals(0), is_count=True),
        "frames_lost": Row("Images lost", decimals(0), is_count=True),
        **IMAGE_ROWS,
        "sensing_accuracy": Row("Target right", percent),
        "false_alarm_rate": Row("False alarms, no target", percent),
        "miss_rate": Row("Missed targets", percent),
        "pictures_dropped": Row("Pictures dropped, not taken in time", decimals(0), is_count=True),
        "pictures_damaged": Row("Pictures received with losses", decimals(0), is_count=True),
        "packets_lost": Row("Packets lost", decimals(0), is_count=True),
        "images_per_s": Row("Images a second", decimals(1)),
        "latency_p50_ms": Row("Latency, median", decimals(1, " ms")),
        "latency_p95_ms": Row("Latency, 95th percentile", decimals(1, " ms")),
        "latency_p99_ms": Row("Latency, 99th percentile", decimals(1, " ms")),
    }
    ACCURACIES = ("class_accuracy", "animal_accuracy", "sensing_accuracy")
    TILES = ("psnr_db", *ACCURACIES, "frames_lost", "images_per_s")
    MODULES = ("skimage.metrics", "sklearn.metrics")

    def __init__(self, bundle: Bundle, told: LinkOptions, *options: Options):
        Link.__init__(self, bundle, told, *options)
        self.pictures: Pictures | None = None
        self.interface = trained = bundle.interface(ImageLink)
        channel, sensing = self.chosen(ChannelOptions), self.chosen(SensingOptions)
        self.check_use(channel, sensing)
        self.told = completed(told, snr_db=trained.channel.reference_snr_db)
        self.channel = completed(channel, channel=trained.channel.model)
        self.sensing = completed(
            sensing,
            sensing_snr_db=trained.sensing.reference_snr_db,
            range_step_db=trained.sensing.range_step_db,
        )
        self.waveform = None
        if channel.phy != "symbols":
            shape = self.chosen(WaveformOptions)
            layout = shape.parameters(
                channel.phy, shape.sample_rate_hz, trained.symbols.channel_uses, self.images_per_frame()
            )
            self.waveform = WaveformSettings(
                layout, shape.carrier_hz, self.chosen(WayOptions), self.chosen(RadarOptions)
            )
        self.warnings += self._warnings()

    def check_use(self, channel: ChannelOptions, sensing: SensingOptions) -> None:
        """Raise ValueError for an option that was given and would do nothing."""
        if channel.phy == "symbols":
            for model in (WaveformOptions, WayOptions, RadarOptions):
                self.chosen(model).refuse((), "with --phy symbols, expected --phy ofdm or lfm with it")
            return
        sensing.refuse(["range_step_db"], f"with --phy {channel.phy}, expected --phy symbols with it")
        for option, value, usual in (
            ("--ranges", sensing.ranges, 1),
            ("--delay-symbols-per-range", sensing.delay_symbols_per_range, 0),
        ):
            if value != usual:
                raise ValueError(
                    f"{option} is {value}, expected {usual} with --phy {channel.phy}: ranges that differ in "
                    "strength are for --phy symbols; give --target several times"
                )

    def _warnings(self) -> list[str]:
        """Where the bundle was trained for something else; ValueError where it cannot serve."""
        name, trained, sensing = self.bundle.name, self.interface, self.sensing
        warnings = snr_warnings("--snr-db", self.told.snr_db, trained.channel.snr_db, name)
        warnings += snr_warnings("--sensing-snr-db", sensing.sensing_snr_db, trained.sensing.snr_db, name)
        if self.channel.channel != trained.channel.model:
            warnings.append(
                f"bundle {name} was trained for {trained.channel.model}, not for {self.channel.channel}"
            )
        if sensing.ranges > trained.sensing.max_ranges:
            raise ValueError(
                f"--ranges is {sensing.ranges}, expected 1 to {trained.sensing.max_ranges} with {name}"
            )
        if sensing.sensing_knowledge == "echo" and sensing.ranges > 1:
            raise ValueError(
                f"--ranges is {sensing.ranges}, expected 1 with --sensing-knowledge echo: "
                "telling ranges apart takes the symbols"
            )
        detector = "sensing" if sensing.sensing_knowledge == "symbols" else "sensing_echo"
        needed = sorted((*self.NETWORKS, detector))
        missing = [network for network in needed if not self.bundle.has(network)]
        if missing:
            raise ValueError(
                f"bundle {name} lacks network {missing[0]!r}, expected {', '.join(needed)}: "
                "choose another --bundle"
            )
        return warnings

    def images_per_frame(self) -> int:
        """Images, or packets of them, in a frame on the air."""
        raise NotImplementedError

    def read(self) -> Pictures:
        """Pictures of --data."""
        raise NotImplementedError

    def load(self) -> int:
        self.pictures = self.read()
        self.source = self.pictures.source
        return len(self.pictures.labels)

    def layer(self) -> gr.hier_block2:
        """The physical layer as it was chosen."""
        shared = self.bundle, self.told, self.channel, self.sensing
        return waveform_layer(*shared, self.waveform) if self.waveform else symbols_layer(*shared)

    def conditions(self) -> list[str]:
        channel = "AWGN" if self.channel.channel == "awgn" else "Rayleigh fading"
        ranges = f", {self.sensing.ranges} ranges" if self.sensing.ranges > 1 else ""
        return [
            f"{channel} at {self.told.snr_db:g} dB",
            f"sensing at {self.sensing.sensing_snr_db:g} dB{ranges}",
        ]

    def form(self) -> str:
        return f"{self.interface.symbols.channel_uses} channel uses an image"

    def settings(self) -> dict[str, object]:
        told = {name: getattr(self.told, name) for name in ("snr_db", "seed", "batch", "images_per_s")}
        waveform = self.waveform.plain() if self.waveform else {}
        return {**self.channel.model_dump(), **self.sensing.model_dump(), **told, **waveform}

    def stated(self) -> dict[str, object]:
        return {"sensing": self.interface.sensing.model_dump(mode="json")}

    def noted(self) -> dict[str, str]:
        sensing = self.interface.sensing
        return {"echo fading": sensing.fading + (", random phase" if sensing.random_phase else "")}

    def sections(self, kept: Kept, figures: Mapping[str, Metric]) -> Markup:
        report = ImageReport(self.interface, self.channel, self.sensing, self.told.seed, kept, figures)
        return report.sections()


class first_items(gr.sync_block):
    """Keep the first items of a stream and let the rest go by.

    Input 0: symbols, complex64[channel uses].

    most: items to keep.
    """

    def __init__(self, channel_uses: int, most: int):
        gr.sync_block.__init__(self, "first_items", [(np.complex64, channel_uses)], None)
        self._kept = np.empty((most, channel_uses), np.complex64)
        self._count = 0

    def kept(self) -> np.ndarray:
        """Items kept so far, complex64 [items, channel uses]."""
        return self._kept[: self._count]

    def work(self, input_items, output_items):
        items = input_items[0]
        taken = min(len(items), len(self._kept) - self._count)
        self._kept[self._count : self._count + taken] = items[:taken]
        self._count += taken
        return len(items)


class image_flowgraph(link_flowgraph):
    """Ends and echoes of a link of images; `source`, `encoder`, `decoder` and `sink` are its kind's."""

    def __init__(self, link: LinkOfImages):
        link_flowgraph.__init__(self, "loopback")
        self._link = link
        self.layer = link.layer()
        self.sensing = semisac.sensing_decoder(
            link.bundle,
            link.sensing.ranges,
            link.sensing.range_step_db,
            link.sensing.delay_symbols_per_range,
            link.sensing.target_probability,
            knowledge=link.sensing.sensing_knowledge,
            batch=link.told.batch,
        )
        channel_uses = link.interface.symbols.channel_uses
        self.sent_symbols = first_items(channel_uses, CONSTELLATION_FRAMES)
        self.received_symbols = first_items(channel_uses, CONSTELLATION_FRAMES)

    def connect_ends(self) -> None:
        """Connect what every link of images has."""
        self.connect(self.source, (self.sink, 0))
        self.connect(self.source, self.encoder, self.layer, self.decoder, (self.sink, 1))
        self.connect(self.encoder, (self.sensing, 0))
        self.connect((self.layer, 1), (self.sensing, 1))
        self.connect(self.encoder, self.sent_symbols)
        self.connect(self.layer, self.received_symbols)

    def done(self) -> int:
        return self.sink.frames_complete()

    def figures(self, finished: bool, patience_s: float | None) -> dict[str, Metric]:
        return self.sink.summary(finished, patience_s)

    def sensing_records(self) -> np.ndarray:
        """One record an echo, dtype link_metrics.FRAME: what it said and what was true."""
        return self.sink.records()

    def kept(self) -> Kept:
        return Kept(
            records=self.sink.records(),
            sensing_records=self.sensing_records(),
            examples=self.sink.examples(),
            sent_symbols=self.sent_symbols.kept(),
            received_symbols=self.received_symbols.kept(),
        )

    def air(self) -> AirSummary | None:
        waveform = self._link.waveform
        if waveform is None:
            return None
        present = {int(r["frame_id"]): int(r["hypothesis"]) > 0 for r in self.sensing_records()}
        return summarise(self.layer, waveform, self._link.sensing.target_probability, present)

    def error(self) -> Exception | None:
        return link_flowgraph.error(self) or self.sink.error()
