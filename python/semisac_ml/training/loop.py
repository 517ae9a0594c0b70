# SPDX-License-Identifier: GPL-3.0-or-later
"""The training loop: epochs with a progress bar, CSV and TensorBoard logs, checkpoints, exact resumption."""

from __future__ import annotations

import contextlib
import csv
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from semisac_ml.outputs import output_file
from semisac_ml.processor import keep_freed_memory
from semisac_ml.training.checkpoint import CheckpointError, load_checkpoint, read_counters, save_checkpoint
from semisac_ml.training.team import Part, PartSteps, Team, average_statistics, team

Losses = dict[str, float]
Steps = Callable[[Part], Iterator[tuple[Tensor, dict[str, Tensor]]]]


@dataclass
class Stage:
    """One stage of a training.

    name: of the stage; names its checkpoint and its logs.
    model: what is saved and restored.
    optimiser: with it.
    epochs, steps_per_epoch: length.
    learning_rate: factor of each parameter group's ``base_rate`` as a function of progress, 0 to 1.
    step: (part of every batch) → iterator over the steps of an epoch: the loss that is minimised, a mean over
        the samples of that part, and what the logs are told. The loop does the rest of a step.
    validate: called after each epoch; returns figures for the logs. With several processes, each does it.
    settings: JSON values that a checkpoint must share to be resumed.
    stopped: asked before each epoch; True ends the stage. What it answers from belongs into ``model``, so
        that a resumed stage ends where it would have.
    clipped, clipped_norm: parameters whose gradients are clipped to this norm together; none by default.
    stepped: called after each optimiser step.
    """

    name: str
    model: nn.Module
    optimiser: torch.optim.Optimizer
    epochs: int
    steps_per_epoch: int
    learning_rate: Callable[[float], float]
    step: Steps
    validate: Callable[[], Losses]
    seed: int
    settings: dict[str, object]
    stopped: Callable[[], bool] = lambda: False
    clipped: Sequence[nn.Parameter] = ()
    clipped_norm: float = 1.0
    stepped: Callable[[], None] = lambda: None


def choose_device(name: str) -> torch.device:
    """Device called "cpu", "cuda", or the best one present for "auto".

    Raises ValueError when CUDA is asked for and absent.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError("device cuda was asked for, but PyTorch sees no CUDA device: use --device cpu")
    return torch.device(name)


def autocast(device: torch.device) -> contextlib.AbstractContextManager:
    """Mixed precision in bfloat16 where the processor computes it natively, full precision elsewhere."""
    if device.type == "cuda" or "avx512_bf16" in _processor_flags() or "amx_bf16" in _processor_flags():
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def _processor_flags() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/cpuinfo").read_text()
    return ""


def train_stage(stage: Stage, folder: Path, console: Console) -> None:
    """Train a stage to its end, going on from its last checkpoint in ``folder`` if there is one.

    Every epoch draws from generators seeded with (seed, stage, epoch), so a run that was interrupted
    and resumed ends in the same bytes as one that was not. Ctrl-C keeps the last finished epoch and
    says where the same command will go on.

    Several processes (:mod:`.team`) train one model; the first alone shows how far it is and writes.

    Raises
    ------
    CheckpointError : the checkpoint in the folder was made with other settings.
    """
    if not team().first:
        console = Console(quiet=True)
    checkpoint = folder / f"{stage.name}.safetensors"
    team().wait()
    done = _resume(stage, checkpoint, console)
    if done >= stage.epochs:
        return
    try:
        _train_epochs(stage, checkpoint, done, console)
    except KeyboardInterrupt:
        kept = _epochs_kept(checkpoint)
        then = f"with epoch {kept + 1} of {stage.epochs}" if kept < stage.epochs else "after this stage"
        console.print(f"{stage.name}: interrupted; the same command goes on {then}")
        raise


def _epochs_kept(checkpoint: Path) -> int:
    """Epochs in the checkpoint, 0 without one: what an interrupted training will go on from."""
    return int(str(read_counters(checkpoint)["epochs_done"])) if checkpoint.exists() else 0


def _train_epochs(stage: Stage, checkpoint: Path, done: int, console: Console) -> None:
    device, together = next(stage.model.parameters()).device, team()
    if device.type == "cpu":
        keep_freed_memory()
    together.start_alike(stage.model)
    total_steps = stage.epochs * stage.steps_per_epoch
    rates = [group.setdefault("base_rate", group["lr"]) for group in stage.optimiser.param_groups]
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(_progress_bar(console))
        log = stack.enter_context(_RunLog(checkpoint.parent, stage.name, done)) if together.first else None
        task = progress.add_task(
            stage.name, total=total_steps, completed=done * stage.steps_per_epoch, losses=""
        )
        for epoch in range(done, stage.epochs):
            if together.agreed(stage.stopped()):
                break
            seed = zlib.crc32(f"{stage.seed}/{stage.name}/{epoch}".encode())
            torch.manual_seed(seed)
            totals: Losses = {}
            stage.model.train()
            _set_rate(stage, rates, epoch * stage.steps_per_epoch, total_steps)
            for step, losses in enumerate(_steps(stage, together, seed, device), start=1):
                for name, value in losses.items():
                    totals[name] = totals.get(name, 0.0) + value
                share = step / together.size
                shown = "  ".join(f"{name} {value / share:.4f}" for name, value in totals.items())
                progress.update(task, advance=1, losses=shown)
                _set_rate(stage, rates, epoch * stage.steps_per_epoch + step, total_steps)
            stage.model.eval()
            figures = {name: value / stage.steps_per_epoch for name, value in together.added(totals).items()}
            figures |= stage.validate()
            if log is not None:
                log.write(epoch + 1, figures)
            save_checkpoint(checkpoint, stage.model, stage.optimiser, _counters(stage, epoch + 1))


def _steps(stage: Stage, together: Team, seed: int, device: torch.device) -> Iterator[Losses]:
    """The steps of an epoch; losses are means over the parts of this process, times its share."""
    parts = [Part.of_epoch(index, together.parts, seed, device) for index in together.own_parts()]
    running = [PartSteps(part, stage.model, stage.step(part)) for part in parts]
    while True:
        stage.optimiser.zero_grad()
        losses: Losses = {}
        for steps in running:
            found = next(steps, None)
            if found is None:
                average_statistics(running, stage.model, together)
                return
            loss, told = found
            (loss / together.parts).backward()
            for name, value in told.items():
                losses[name] = losses.get(name, 0.0) + float(value.detach()) / together.parts
        together.add_gradients(one for group in stage.optimiser.param_groups for one in group["params"])
        if stage.clipped:
            nn.utils.clip_grad_norm_(stage.clipped, stage.clipped_norm)
        stage.optimiser.step()
        stage.stepped()
        yield losses


def _counters(stage: Stage, epochs_done: int) -> dict[str, object]:
    return {"epochs_done": epochs_done, "settings": stage.settings}


def _resume(stage: Stage, checkpoint: Path, console: Console) -> int:
    if not checkpoint.exists():
        return 0
    rates = [dict(group) for group in stage.optimiser.param_groups]
    counters = load_checkpoint(checkpoint, stage.model, stage.optimiser)
    if counters.get("settings") != stage.settings:
        raise CheckpointError(
            f"{checkpoint} was made with other settings "
            f"({_difference(counters.get('settings'), stage.settings)}): "
            "repeat the command it was started with, or choose another --run folder"
        )
    for group, fresh in zip(stage.optimiser.param_groups, rates, strict=True):
        group["lr"] = group["base_rate"] = fresh["lr"]
    done = int(str(counters["epochs_done"]))
    console.print(f"{stage.name}: {done} of {stage.epochs} epochs were done already ({checkpoint})")
    return done


def _difference(stored: object, wanted: dict[str, object]) -> str:
    stored = stored if isinstance(stored, dict) else {}
    names = [name for name in sorted({*stored, *wanted}) if stored.get(name) != wanted.get(name)]
    return ", ".join(f"{name}: {stored.get(name)} there, {wanted.get(name)} here" for name in names)


def _set_rate(stage: Stage, rates: list[float], step: int, total_steps: int) -> None:
    factor = stage.learning_rate(step / total_steps)
    for group, rate in zip(stage.optimiser.param_groups, rates, strict=True):
        group["lr"] = rate * factor


def _progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
        console=console,
    )


class _RunLog:
    """Losses and figures of each epoch, to CSV and TensorBoard.

    A line an epoch, a column each: a log for watching, of the stage's own names, not a table of results.
    """

    def __init__(self, folder: Path, name: str, epochs_done: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._name = name
        self._path = folder / f"{name}.csv"
        self._rows: list[dict[str, float]] = []
        if epochs_done and self._path.exists():
            with self._path.open(newline="") as file:
                self._rows = [dict(row) for row in csv.DictReader(file)][:epochs_done]
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=epochs_done + 1)

    def __enter__(self) -> _RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._board.close()

    def write(self, epoch: int, figures: Losses) -> None:
        self._rows.append({"epoch": epoch, **figures})
        with output_file(self._path) as unfinished, unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(self._rows[-1]))
            writer.writeheader()
            writer.writerows(self._rows)
        for name, value in figures.items():
            self._board.add_scalar(f"{self._name}/{name}", value, epoch)
