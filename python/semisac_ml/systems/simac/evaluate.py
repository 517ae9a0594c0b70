# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac evaluate simac``: trainings and bundles over the SNR of the channel, as rows and curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from rich.console import Console
from rich.table import Table
from torch import Tensor

from semisac_ml.channels.fading import FadingChannel
from semisac_ml.command_line import OptionError, Options
from semisac_ml.results import Result, ResultTable
from semisac_ml.results.drawing import line_charts
from semisac_ml.runtime import Bundle, TargetLink
from semisac_ml.shared_options import ThreadOptions
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar

from .measuring import run
from .model import ChannelState, Simac
from .samples import STATES, Limits, TargetSet
from .scenes import SceneOptions, trained_scene
from .scoring import UNITS, figures
from .tensors import EchoSource, SampleTensors
from .training import tensors_for, trained
from .tuned import SENSORS, TunedSimac, equalised

SNR_AXIS = "SNR, Es/N0 (dB)"
LABELS = {
    "distance_rmse_m": "RMSE of the distance (m)",
    "angle_rmse_deg": "RMSE of the angle (degrees)",
    "velocity_rmse_mps": "RMSE of the velocity (m/s)",
    "psnr_db": "PSNR of the target's picture (dB)",
    "ssim": "SSIM of the target's picture",
    "distance_coverage": "coverage of the 90 % interval, distance",
}
WITHOUT = {"none": SENSORS, "camera": ("radar",), "radar": ("camera",)}


class EvaluateOptions(Options):
    """What is measured, and how."""

    run: list[Path] = Field([], description="Folder of a finished training; repeat it for several.")
    bundle: list[str] = Field([], description="Bundle, name or folder; repeat it for several.")
    fading: list[Literal["awgn", "rayleigh"]] = Field(
        [], description="Channel; repeat it for several [default: awgn rayleigh]."
    )
    snr_db: str = Field("5,10,15,20,25", description="SNRs of the channel, Es/N0 in dB.")
    without: list[Literal["none", "camera", "radar"]] = Field(
        [],
        description="Sensor that is missing, of what can do without; repeat it for several [default: none, "
        "camera and radar].",
    )
    seed: int = Field(0, description="Seed of echoes' noise and channels.")
    results: Path = Field(Path("results/simac"), description="Folder of snr.csv and snr.png.")

    @model_validator(mode="after")
    def _has_numbers(self) -> EvaluateOptions:
        self.snrs()
        return self

    def snrs(self) -> list[float]:
        """SNRs in dB."""
        try:
            found = [float(part) for part in self.snr_db.split(",")]
        except ValueError:
            found = [math.nan]
        if not all(map(math.isfinite, found)):
            raise OptionError("snr_db", f"is {self.snr_db!r}, expected numbers in dB such as 5,15,25")
        return found


@dataclass(frozen=True)
class Measured:
    """A system to be measured on the test part of a scene.

    trained: for which channel. may_lack: sensors that it can do without.
    """

    name: str
    trained: str
    system: Any
    tensors: SampleTensors
    may_lack: tuple[str, ...]


class BundleSystem:
    """A bundle between a channel, called as the networks of PyTorch are.

    limits: by which states are normalised, those of the scene that it is measured on.
    """

    def __init__(self, bundle: Bundle, limits: Limits) -> None:
        self._encoder, self._decoder = bundle.session("encoder"), bundle.session("decoder")
        self._limits = limits

    def eval(self) -> BundleSystem:
        """Nothing to be done."""
        return self

    def __call__(
        self,
        frames: Tensor,
        echoes: Tensor,
        state: ChannelState,
        fading: str,
        generator: torch.Generator,
        sensors: tuple[str, ...] = SENSORS,
    ) -> dict[str, Tensor]:
        present = torch.tensor([float(name in sensors) for name in SENSORS]).expand(len(frames), -1)
        offered = {"frame": frames, "echo": echoes, "channel_state": state.numbers, "present": present}
        given = {name: offered[name].contiguous().numpy() for name in self._encoder.inputs}
        symbols = torch.from_numpy(self._encoder.run(**given)["symbols"]).unflatten(1, (-1, 2))
        heard, gain = FadingChannel(fading)(torch.view_as_complex(symbols), state.snr_db, generator)
        estimate, worth = equalised(heard, gain, state.snr_db)
        received = torch.view_as_real(estimate).flatten(1).contiguous()
        found = self._decoder.run(received=received.numpy(), worth=worth.numpy())
        outputs = {"picture": torch.from_numpy(found["picture"])}
        span = self._limits.high - self._limits.low
        for place, task in enumerate(STATES):
            normalised = (found["state"][:, place] - self._limits.low[place]) / span[place]
            outputs[task] = torch.from_numpy(normalised)
            outputs[f"{task}_deviation"] = torch.from_numpy(found["deviation"][:, place] / span[place])
        return outputs


def of_run(folder: Path) -> Measured:
    """What a training left, on its own scene."""
    system, settings = trained(folder)
    tensors = tensors_for(settings, trained_scene(folder).load())
    size = "" if settings.size == "small" else f", {settings.size}"
    may_lack = SENSORS if isinstance(system, TunedSimac) and len(system.settings.sensors) == 2 else ()
    return Measured(f"{settings.variant}{size}", settings.fading, system, tensors, may_lack)


def of_bundle(name: str, samples: TargetSet) -> Measured:
    """A bundle on a scene."""
    bundle = Bundle.load(name)
    link = bundle.interface(TargetLink)
    echoes = EchoSource("lfm", LfmSimoRadar(**link.radar.model_dump()))
    tensors = SampleTensors(samples, link.frame_pixels, link.picture_pixels, echoes)
    return Measured(bundle.name, link.channel.model, BundleSystem(bundle, tensors.limits), tensors, SENSORS)


def measure(one: Measured, snr_db: float, fading: str, missing: str, seed: int = 0) -> list[Result]:
    """Rows of one system at one SNR; none if it cannot do without what is missing."""
    if missing != "none" and missing not in one.may_lack:
        return []
    sensors = None if missing == "none" else WITHOUT[missing]
    outcome = run(one.system, one.tensors, snr_db, fading, seed=seed, sensors=sensors)
    samples = one.tensors.samples
    rows = []
    for name, metric in figures(outcome, samples, one.tensors.limits).items():
        ends = (metric.low, metric.high) if math.isfinite(metric.low) else (None, None)
        rows.append(
            Result(
                system="simac",
                figure="snr",
                variant=one.name,
                inputs=_inputs(one, missing),
                conditions={"x": SNR_AXIS, "scene": samples.name, "fading": fading, "trained": one.trained},
                x=snr_db,
                metric=name,
                value=metric.value,
                low=ends[0],
                high=ends[1],
                n=metric.n,
                unit=next((unit for unit in UNITS.values() if name.endswith(f"_rmse_{unit}")), ""),
                seed=str(seed),
            )
        )
    return rows


def _inputs(one: Measured, missing: str) -> str:
    """Sensors that it has, and of them those that work."""
    if isinstance(one.system, Simac):
        has = one.system.settings.modalities
    else:
        has = one.system.settings.sensors if isinstance(one.system, TunedSimac) else SENSORS
    return ",".join(name for name in has if name != missing)


def _draw(file: Path, rows: list[Result]) -> None:
    def name(row: Result) -> str:
        return f"{row.variant}, trained for {row.conditions['trained']}: {row.inputs}"

    names = list(dict.fromkeys(map(name, rows)))
    line_charts(
        file,
        rows,
        LABELS,
        panel=lambda row: f"{row.conditions['scene']}, {row.conditions['fading']}",
        style=lambda row: {"label": name(row), "color": f"C{names.index(name(row)) % 10}", "marker": "o"},
    )


def command(
    *,
    options: EvaluateOptions = EvaluateOptions(),
    scene: SceneOptions = SceneOptions(),
    machine: ThreadOptions = ThreadOptions(),
) -> None:
    """Measure trainings and bundles on test samples, over the SNR of the channel, sensors missing or not.

    A training is measured on the scene it was trained on, a bundle on --scene. Rows go to snr.csv in
    --results, in place of older ones of the same, curves of all rows there to snr.png. Intervals are 95 %,
    over drives or vehicles.
    """
    if not options.run and not options.bundle:
        raise ValueError("--run is missing, expected the folder of a training, or --bundle")
    snrs = options.snrs()
    if not options.bundle:
        scene.refuse(type(scene).model_fields, "with --run alone, expected --bundle with it")
    machine.use_threads()
    console = Console()
    found = [of_run(folder) for folder in options.run]
    if options.bundle:
        samples = scene.load()
        found += [of_bundle(name, samples) for name in options.bundle]
    table = ResultTable.open(options.results / "snr.csv")
    for one in found:
        for fading in options.fading or ("awgn", "rayleigh"):
            for missing in options.without or WITHOUT:
                with console.status(f"measuring {one.name}, {fading}, without {missing} …"):
                    rows = [row for snr in snrs for row in measure(one, snr, fading, missing, options.seed)]
                if rows:
                    table.replace(rows)
                    console.print(_table(rows, snrs))
    _draw(options.results / "snr.png", table.rows)
    console.print(f"written: {table.path}, {options.results / 'snr.png'}")


def _table(rows: list[Result], snrs: list[float]) -> Table:
    first = rows[0]
    table = Table(
        title=f"{first.variant}, {first.inputs}; {first.conditions['scene']}, {first.conditions['fading']}"
    )
    table.add_column("figure")
    for snr in snrs:
        table.add_column(f"{snr:g} dB", justify="right")
    for metric in dict.fromkeys(row.metric for row in rows):
        values = {row.x: f"{row.value:.4g}" for row in rows if row.metric == metric}
        table.add_row(metric, *(values.get(snr, "–") for snr in snrs))
    return table
