# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a training of the joint sensing and semantic link, and how they are kept beside its weights."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from semisac_ml.channels import EchoChannel
from semisac_ml.outputs import write_output
from semisac_ml.systems.jssc.model import ModelSettings

# Each loss is divided by its reference before it is weighted: raw, the mean squared error (0.03) would be
# starved by the cross-entropies (order 1). Reconstruction: the error of the linear code at 3 dB, n = 20.
# The two others were chosen on the trade-off curve, so that equal weights give the trade-off that ships.
LOSS_REFERENCE = {"reconstruction": 0.026, "task": 4.5, "sensing": 1.4}
SENSING_MAX_RANGES = 8
COMMUNICATION_SNR_DB = (-10.0, 20.0)
SENSING_SNR_DB = (-20.0, 20.0)

Channel = Literal["awgn", "rayleigh"]
SensingFading = Literal["none", "rayleigh", "two_hop_rayleigh"]
DataSet = Literal["cifar10", "sample"]


@dataclass(frozen=True)
class TrainingSettings:
    """A training run, whole; two runs of equal settings end in the same weights on the same machine.

    channel: communication channel, "awgn" or "rayleigh".
    weights: of the losses of reconstruction, task and sensing; 0 leaves a task out.
    snr_db, sensing_snr_db: fixed SNR in dB, or None to draw it from the whole range that the system serves.
    sensing_fading: of the echo, "none", "rayleigh" or "two_hop_rayleigh".
    ranges, range_step_db, delay_symbols_per_range: of the echo given to decoder 2 of the paper.
    seed, backbone_seed: of the joint training, and of the backbone that runs may share.
    data: set of images, "cifar10" or "sample" (the 64 shipped images, for trials).

    Raises ValueError for a setting that no training can have.
    """

    model: ModelSettings = field(default_factory=ModelSettings)
    channel: Channel = "awgn"
    sensing_fading: SensingFading = "none"
    random_phase: bool = False
    weights: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)
    snr_db: float | None = None
    sensing_snr_db: float | None = None
    range_step_db: float = 3.0
    delay_symbols_per_range: int = 0
    epochs: int = 18
    backbone_epochs: int = 8
    batch: int = 250
    learning_rate: float = 1e-3
    seed: int = 0
    backbone_seed: int = 0
    data: DataSet = "cifar10"

    def __post_init__(self) -> None:
        for name, kind in (("channel", Channel), ("sensing_fading", SensingFading), ("data", DataSet)):
            if getattr(self, name) not in get_args(kind):
                expected = ", ".join(get_args(kind))
                raise ValueError(f"{name} is {getattr(self, name)!r}: expected one of {expected}")
        for name in ("snr_db", "sensing_snr_db", "range_step_db"):
            value = getattr(self, name)
            if value is not None and not abs(value) <= 100.0:  # not a number fails this too
                raise ValueError(f"{name} is {value}: expected -100 to 100 dB")
        for name, least in (
            ("epochs", 1),
            ("backbone_epochs", 1),
            ("batch", 1),
            ("delay_symbols_per_range", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: expected {least} or more")
        if not 0.0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate is {self.learning_rate}: expected a number above 0")
        if not _are_weights(self.weights):
            raise ValueError(f"weights are {self.weights}: expected {_WEIGHTS}")

    def echo_channel(self) -> EchoChannel:
        """Echo that decoder 2 of the paper is trained on; all hypotheses are equally likely."""
        ranges = self.model.ranges
        return EchoChannel(
            fading=self.sensing_fading,
            ranges=ranges,
            range_step_db=self.range_step_db,
            delay_symbols_per_range=self.delay_symbols_per_range,
            random_phase=self.random_phase,
            max_frequency_offset=self.model.max_frequency_offset,
            target_probability=ranges / (1 + ranges),
        )


_WEIGHTS = "three numbers of 0 or more for reconstruction, task and sensing, not all 0, such as 1/3,1/3,1/3"


def _are_weights(values: tuple[float, ...]) -> bool:
    return len(values) == 3 and all(0.0 <= value < math.inf for value in values) and any(values)


def parse_weights(text: str) -> tuple[float, float, float]:
    """Weights of reconstruction, task and sensing from text such as "1/3,1/3,1/3".

    Raises ValueError if the text is no list of three numbers of 0 or more, not all 0.
    """
    try:
        values = tuple(float(Fraction(part.strip())) for part in text.split(","))
    except (ValueError, ZeroDivisionError, OverflowError):
        values = ()
    if not _are_weights(values):
        raise ValueError(f"weights are {text!r}: expected {_WEIGHTS}")
    return values


def save_settings(settings: TrainingSettings, folder: Path) -> None:
    """Write the settings beside the checkpoints, as JSON."""
    write_output(folder / "settings.json", json.dumps(plain_settings(settings), indent=2) + "\n")


def load_settings(folder: Path) -> TrainingSettings:
    """Read what ``save_settings`` wrote. Raises ValueError if the folder holds no finished training."""
    path = folder / "settings.json"
    try:
        plain = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{folder} holds no finished training ({error}): expected settings.json and joint.safetensors; "
            f"run `semisac train jssc --run {folder}`"
        ) from error
    plain["model"] = ModelSettings(**plain["model"])
    plain["weights"] = tuple(plain["weights"])
    return TrainingSettings(**plain)


def plain_settings(settings: TrainingSettings) -> dict[str, object]:
    """The settings as JSON values."""
    plain = dataclasses.asdict(settings)
    plain["weights"] = list(settings.weights)
    return plain


def compared_settings(settings: TrainingSettings) -> dict[str, object]:
    """What two runs must share for one to go on from the other's checkpoint.

    The data set counts only where it is not CIFAR-10: older checkpoints, all of CIFAR-10, do not name it.
    """
    plain = plain_settings(settings)
    if settings.data == "cifar10":
        del plain["data"]
    return plain
