# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a training of the joint sensing and semantic link, and how they are kept beside its weights."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BeforeValidator, Field, model_validator

from semisac_ml.channels import EchoChannel
from semisac_ml.command_line import OnOff, OptionError, Options
from semisac_ml.outputs import write_output
from semisac_ml.systems.jssc.model import ModelSettings

# Each loss is divided by its reference before it is weighted: raw, the mean squared error (0.03) would be
# starved by the cross-entropies (order 1). Reconstruction: the error of the linear code at 3 dB, n = 20.
# The two others were chosen on the trade-off curve, so that equal weights give about the trade-off that
# ships; that was a curve of the test images, as there was no validation part then (docs/jssc.md).
LOSS_REFERENCE = {"reconstruction": 0.026, "task": 4.5, "sensing": 1.4}
COMMUNICATION_SNR_DB = (-10.0, 20.0)

_WEIGHTS = "three numbers of 0 or more for reconstruction, task and sensing, not all 0, such as 1/3,1/3,1/3"


def parse_weights(given: Any) -> tuple[float, float, float]:
    """Weights of reconstruction, task and sensing from numbers, or from text such as "1/3,1/3,1/3".

    Raises ValueError if these are not three numbers of 0 or more, not all 0.
    """
    parts = ",".join(map(str, [given] if isinstance(given, str) else given)).split(",")
    try:
        values = tuple(float(Fraction(part.strip())) for part in parts)
    except (ValueError, ZeroDivisionError, OverflowError):
        values = ()
    if len(values) != 3 or min(values) < 0.0 or not any(values):
        raise OptionError("weights", f"are {','.join(parts)!r}: expected {_WEIGHTS}")
    return values


class TrainingSettings(Options):
    """A training run, whole; two runs of equal settings end in the same weights on the same machine.

    range_step_db, delay_symbols_per_range: of the echo given to decoder 2 of the paper.

    Raises ValueError for a setting that no training can have.
    """

    channel: Literal["awgn", "rayleigh"] = Field("awgn", description="Communication channel.")
    model: ModelSettings = ModelSettings()
    weights: Annotated[
        tuple[float, float, float],
        BeforeValidator(parse_weights),
        Parameter(n_tokens=1, metavar="W,W,W", show_default="1/3,1/3,1/3"),
    ] = Field(
        (1 / 3, 1 / 3, 1 / 3),
        description="Weights of the losses of reconstruction, task and sensing; 0 leaves a task out.",
    )
    snr_db: float | None = Field(
        None,
        ge=-100,
        le=100,
        description="Train at one communication SNR in dB [default: -10 to 20 dB, given to the networks].",
    )
    sensing_snr_db: float | None = Field(
        None, ge=-100, le=100, description="Train at one sensing SNR in dB [default: -20 to 20 dB]."
    )
    sensing_fading: Annotated[
        Literal["none", "rayleigh", "two_hop_rayleigh"], Parameter(show_default=False)
    ] = Field("none", description="Fading of the echo [default: none for awgn, else rayleigh].")
    random_phase: OnOff = Field(True, description="The target shifts the phase of the echo.")
    clutter_db: float | None = Field(
        None, ge=-100, le=100, description="Echoes of what stands around, over noise, in dB [default: none]."
    )
    range_step_db: Annotated[float, Parameter(parse=False)] = Field(3.0, ge=-100, le=100)
    delay_symbols_per_range: Annotated[int, Parameter(parse=False)] = Field(0, ge=0)
    epochs: int = Field(18, ge=1, description="Epochs of joint training, at most.")
    patience: int = Field(
        8, ge=1, description="Epochs without improvement on validation that end joint training."
    )
    backbone_epochs: int = Field(
        8, ge=1, description="Epochs of the backbone (residual variant); once for all runs."
    )
    batch: int = Field(250, ge=1, description="Images a step.")
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False, description="Peak learning rate.")
    seed: int = Field(0, description="Seed of the joint training.")
    backbone_seed: int = Field(0, description="Seed of the backbone; runs share it.")
    data: Literal["cifar10", "sample"] = Field(
        "cifar10", description="cifar10, or sample (64 shipped images, for a trial)."
    )

    @model_validator(mode="before")
    @classmethod
    def _usual_fading(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {"sensing_fading": "none" if values.get("channel", "awgn") == "awgn" else "rayleigh"} | values

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
            clutter_db=self.clutter_db,
        )


def save_settings(settings: TrainingSettings, folder: Path) -> None:
    """Write the settings beside the checkpoints, as JSON."""
    write_output(folder / "settings.json", settings.model_dump_json(indent=2) + "\n")


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
    return TrainingSettings(**plain)
