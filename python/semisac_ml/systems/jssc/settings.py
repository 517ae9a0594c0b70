# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a training of the joint sensing and semantic link, and how they are kept beside its weights."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from semisac_ml.channels import EchoChannel
from semisac_ml.systems.jssc.model import ModelSettings

# Each loss is divided by its reference before it is weighted: raw, the mean squared error (0.03) would be
# starved by the cross-entropies (order 1). Reconstruction: the error of the linear code at 3 dB, n = 20.
# The two others were chosen on the trade-off curve, so that equal weights give the trade-off that ships.
LOSS_REFERENCE = {"reconstruction": 0.026, "task": 4.5, "sensing": 1.4}
SENSING_MAX_RANGES = 8
COMMUNICATION_SNR_DB = (-10.0, 20.0)
SENSING_SNR_DB = (-20.0, 20.0)
ANIMAL_CLASSES = (2, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class TrainingSettings:
    """A training run, whole; two runs of equal settings end in the same weights on the same machine.

    channel: communication channel, "awgn" or "rayleigh".
    weights: of the losses of reconstruction, task and sensing; 0 leaves a task out.
    snr_db, sensing_snr_db: fixed SNR in dB, or None to draw it from the whole range that the system serves.
    sensing_fading: of the echo, "none", "rayleigh" or "two_hop_rayleigh".
    ranges, range_step_db, delay_symbols_per_range: of the echo given to decoder 2 of the paper.
    seed, backbone_seed: of the joint training, and of the backbone that runs may share.
    """

    model: ModelSettings = field(default_factory=ModelSettings)
    channel: Literal["awgn", "rayleigh"] = "awgn"
    sensing_fading: Literal["none", "rayleigh", "two_hop_rayleigh"] = "none"
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


def parse_weights(text: str) -> tuple[float, float, float]:
    """Weights of reconstruction, task and sensing from text such as "1/3,1/3,1/3".

    Raises ValueError if the text is no list of three numbers of 0 or more, not all 0.
    """
    try:
        values = tuple(float(Fraction(part.strip())) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        values = ()
    if len(values) != 3 or min(values) < 0 or sum(values) == 0:
        raise ValueError(
            f"weights are {text!r}: expected three numbers of 0 or more for reconstruction, task and "
            "sensing, such as 1/3,1/3,1/3"
        )
    return values


def save_settings(settings: TrainingSettings, folder: Path) -> None:
    """Write the settings beside the checkpoints, as JSON."""
    temporary = folder / "settings.json.partial"
    temporary.write_text(json.dumps(plain_settings(settings), indent=2) + "\n")
    temporary.replace(folder / "settings.json")


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
