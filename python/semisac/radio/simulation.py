# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A radio in process: paced like hardware, with its delays, imperfections and faults."""

from __future__ import annotations

import math

from gnuradio import blocks, gr, semisac

from .calibration import CalibrationKey
from .front_end import Capabilities
from .settings import RadioSettings
from .timed import add_seconds, timed_front_end

START_IN_S = 0.1
BITS = 12
SERIAL = "SIM0001"
NO_LEAKAGE_DB = -200.0
DEFAULT_TARGETS = "600,8,10"


class remote_station(gr.hier_block2):
    """A transmitter elsewhere, for a simulated receiver: the same frames of sample images for ever.

    Output 0: samples of frames, one behind the other, complex64, E|x|^2 = 1.

    frames: that are repeated.
    """

    def __init__(self, frame, bundle: str, frames: int, sample_rate_hz: float):
        from semisac_ml.runtime import Bundle, ImageLink

        opened = Bundle.load(bundle)
        reference_snr_db = opened.interface(ImageLink).channel.reference_snr_db
        images = frames * frame.images_per_frame
        self._blocks = (
            semisac.image_source("sample", count=images, batch=images),
            semisac.jscc_encoder(opened, reference_snr_db, images),
            semisac.frame_modulator(frame, int(opened.fingerprint[:6], 16)),
            semisac.frame_scheduler(sample_rate_hz, "cyclic", cycle_frames=frames),
        )
        gr.hier_block2.__init__(
            self, "remote_station", gr.io_signature(0, 0, 0), gr.io_signature(1, 1, gr.sizeof_gr_complex)
        )
        self.connect(*self._blocks, self)


class simulation_front_end(timed_front_end):
    """Simulated radio with a clock, in the way of a USRP.

    Role "monostatic": direct leakage, the targets' echoes, noise, a constant, 12 bits. Role "receive": a
    station elsewhere that sends the sample images, with an offset of its carrier.

    Options:
    latency_samples: delay from transmitter to receiver. latency_known: take it as calibrated.
    leakage_db: of the direct path, power received over power sent. noise_dbfs: noise in the receiver.
    targets: "RANGE_M[,SPEED_MPS[,SNR_DB]];..." with the SNR of an echo at a receive channel; they turn at
        half and at one and a half times their range.
    dc: constant of the receiver, in full scales. carrier_offset_hz, received_dbfs, bundle: of the station
        elsewhere.
    time_scale: seconds of the radio in a second of the computer; 0: its clock is that of its samples, and it
        waits for the computer, so that nothing is late or lost but what is injected.
    seed: of all random draws.
    measure_latency: see `timed_front_end`.

    Faults are injected by the methods of `transmitter` and `receiver`, the simulated halves.
    """

    capabilities = Capabilities(
        has_timestamps=True,
        full_duplex=True,
        cyclic=False,
        needs_calibration=True,
        most_rx_channels=2,
        real_time=True,
    )

    def __init__(self, settings: RadioSettings, frame, role: str):
        self._options = settings.take_options(
            latency_samples=37.25,
            latency_known=True,
            leakage_db=-20.0,
            noise_dbfs=-60.0,
            targets=DEFAULT_TARGETS,
            dc=0.002,
            carrier_offset_hz=1500.0,
            received_dbfs=-30.0,
            bundle="jssc/awgn",
            time_scale=1.0,
            seed=0,
            measure_latency=False,
        )
        self._targets = parse_targets(self._options["targets"])
        timed_front_end.__init__(self, settings, frame, role, self._options["measure_latency"])
        self.transmitter = self.receiver = None

    def configure(self) -> dict[str, object]:
        settings, options = self.settings, self._options
        rate = settings.sample_rate_hz
        if self.role != "receive":
            self.transmitter = semisac.simulated_transmitter(rate, options["time_scale"])
        if self.role == "transmit":
            self._air = blocks.null_sink(gr.sizeof_gr_complex)
            self.connect(self.transmitter, self._air)
        else:
            self.receiver = semisac.simulated_receiver(rate, BITS, settings.rx_channels, seed=options["seed"])
            self._connect_air()
        self._join(self.transmitter, self.receiver, rate)
        in_force = {
            "device": "simulated radio",
            "serial": SERIAL,
            "driver": f"gr-semisac {BITS} bits",
            "clock_rate_hz": rate,
            "sample_rate_hz": rate,
            "center_frequency_hz": settings.center_frequency_hz,
            "tx_gain_db": settings.tx_gain_db,
            "rx_gain_db": settings.rx_gain_db,
        }
        return {**in_force, **self._calibrate(), "warnings": []}

    def prepare(self) -> None:
        now = (0, 0.0)
        for block in (self.transmitter, self.receiver):
            if block is not None:
                block.set_start_time(*now)
        if self._scheduler is not None:
            self._scheduler.set_time_scale(self._options["time_scale"])
        self._begin(now, add_seconds(now, START_IN_S))

    def device_time(self) -> tuple[int, float]:
        return self.transmitter.time_now()

    def calibration_key(self) -> CalibrationKey:
        settings = self.settings
        return CalibrationKey(
            serial=SERIAL,
            driver=f"gr-semisac {BITS} bits",
            clock_rate_hz=settings.sample_rate_hz,
            sample_rate_hz=settings.sample_rate_hz,
            tx_gain_db=settings.tx_gain_db,
            rx_gain_db=settings.rx_gain_db,
            center_frequency_hz=settings.center_frequency_hz,
        )

    def _calibrate(self) -> dict[str, object]:
        if self.role == "monostatic" and self._options["latency_known"] and not self._measure_latency:
            self._aligner.set_latency_samples(self._options["latency_samples"])
            return {"latency_samples": self._options["latency_samples"], "calibrated": "known"}
        return timed_front_end._calibrate(self)

    def _connect_air(self) -> None:
        """From the transmitter's antenna to the receiver's converter."""
        settings, options = self.settings, self._options
        if self.role == "monostatic":
            self._scene = self._make_scene()
            self.connect(self.transmitter, self._scene)
            ports = [(self._scene, channel) for channel in range(settings.rx_channels)]
        else:
            self._station = remote_station(self.frame, options["bundle"], 2, settings.sample_rate_hz)
            self._received = blocks.multiply_const_cc(10.0 ** (options["received_dbfs"] / 20.0))
            self.connect(self._station, self._received)
            arriving = self._received
            if options["time_scale"]:
                # a computer that is too slow makes time go slower, and loses nothing
                arriving = self._pace = blocks.throttle(
                    gr.sizeof_gr_complex, settings.sample_rate_hz * options["time_scale"], True
                )
                self.connect(self._received, self._pace)
            ports = [arriving] * settings.rx_channels
        self._channels = []
        for channel, port in enumerate(ports):
            block = semisac.fading_channel(
                1, "awgn", -options["noise_dbfs"], options["seed"] + channel, settings.sample_rate_hz
            )
            block.update(
                rx_dc_offset=options["dc"],
                delay_samples=options["latency_samples"],
                carrier_offset_hz=options["carrier_offset_hz"] if self.role == "receive" else 0.0,
            )
            self._channels.append(block)
            self.connect(port, block, (self.receiver, channel))

    def _make_scene(self):
        settings, options = self.settings, self._options
        # echo SNR is that of the samples sent, the emulator's that of a signal of unit power over unit noise
        level_db = options["noise_dbfs"] - settings.transmit_level_db
        return semisac.target_emulator(
            settings.sample_rate_hz,
            settings.center_frequency_hz,
            settings.rx_channels,
            seed=options["seed"],
            targets=[{**target, "snr_db": target["snr_db"] + level_db} for target in self._targets],
            leakage_gain_db=max(options["leakage_db"], NO_LEAKAGE_DB),
        )


def parse_targets(text: str) -> list[dict[str, float]]:
    """Targets from "RANGE_M[,SPEED_MPS[,SNR_DB]];..."; raises ValueError."""
    targets = []
    for part in filter(None, text.split(";")):
        try:
            numbers = [float(number) for number in part.split(",")]
            if not 1 <= len(numbers) <= 3 or not all(map(math.isfinite, numbers)) or numbers[0] <= 0.0:
                raise ValueError
        except ValueError:
            raise ValueError(
                f"radio option targets holds {part!r}, expected RANGE_M[,SPEED_MPS[,SNR_DB]] such as 600,8,10"
            ) from None
        range_m, velocity_mps, snr_db = (*numbers, *(0.0, 10.0)[len(numbers) - 1 :])
        targets.append(
            {
                "range_m": range_m,
                "velocity_mps": velocity_mps,
                "nearest_m": 0.5 * range_m,
                "farthest_m": 1.5 * range_m,
                "snr_db": snr_db,
            }
        )
    return targets
