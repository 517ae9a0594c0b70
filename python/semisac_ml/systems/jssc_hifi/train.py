# SPDX-License-Identifier: GPL-3.0-or-later
"""``semisac train jssc_hifi``: the picture code, then the decoder that says what a picture shows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from semisac_ml.outputs import write_output
from semisac_ml.systems.jssc_hifi.train_code import HifiTraining, train
from semisac_ml.systems.jssc_hifi.train_task import train_task
from semisac_ml.training import choose_device
from semisac_ml.training.images import ImageSet


def command(
    size: Annotated[
        str, typer.Option(help="Networks: default (processors) or large (accelerators).")
    ] = "default",
    snr_db: Annotated[
        float | None, typer.Option(help="Train for this SNR alone, for comparison [default: -5 to 20 dB].")
    ] = None,
    sent_channels: Annotated[
        int,
        typer.Option(
            help="Train for 4, 8 or 16 channels of the code alone (k/n 1/24, 1/12, 1/6); 0: for all."
        ),
    ] = 0,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs.")] = 55,
    batch: Annotated[int, typer.Option(min=1, help="Images a step.")] = 128,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Peak learning rate.")] = 4e-3,
    start: Annotated[
        str,
        typer.Option(
            metavar="FOLDER",
            help="Start from the weights of another training, such as runs/jssc_hifi/default-seed0.",
        ),
    ] = "",
    task_epochs: Annotated[
        int,
        typer.Option(min=0, help="Epochs of the decoder that says what a picture shows; 0: without it."),
    ] = 20,
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
    data: Annotated[
        str, typer.Option(help="cifar10, or sample (64 shipped images, for a trial).")
    ] = "cifar10",
    photographs: Annotated[
        str,
        typer.Option(
            metavar="FOLDER",
            help="Folder of larger pictures to train on as well, such as DIV2K_train_HR of "
            "`semisac data fetch div2k`.",
        ),
    ] = "",
    photograph_share: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Share of the steps that see photographs [default: 0.5 with them]."
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of checkpoints and logs [default: runs/jssc_hifi/SIZE-seedSEED]."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads [default: all].")] = None,
) -> None:
    """Train the picture code; one training serves all SNRs and bandwidths.

    Goes on from the last checkpoint in the run's folder, if there is one. Logs: CSV and TensorBoard.
    """
    if threads:
        torch.set_num_threads(threads)
    if photograph_share is None:
        photograph_share = 0.5 if photographs else 0.0
    settings = HifiTraining(
        size=size,
        snr_db=snr_db,
        sent_channels=sent_channels,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
        data=data,
        photographs=photographs,
        photograph_share=photograph_share,
        start=start,
        task_epochs=task_epochs,
    )
    folder = run or Path("runs") / "jssc_hifi" / f"{size}-seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    write_output(folder / "settings.json", json.dumps(dataclasses.asdict(settings), indent=2) + "\n")
    console = Console()
    images = ImageSet.load(data)
    model = train(settings, images, folder, console, choose_device(device))
    if task_epochs:
        train_task(model.encoder, settings, images, folder, console, choose_device(device))
    console.print(f"trained: {folder}; next: semisac export jssc_hifi --run {folder}")
