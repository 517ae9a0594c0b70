# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several processes that train one model: each takes its parts of every batch, gradients are averaged.

A batch consists of parts. What a training draws for a part (noise, channels, dropout) hangs on the part, not
on the process that computes it: with the same number of parts any number of processes learn the same, up to
the order in which floating-point numbers are added. One part, the default of one process, is the whole batch.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
import torch.distributed
from rich.console import Console
from torch import Tensor, nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Rows = TypeVar("Rows", Tensor, np.ndarray)


@dataclass(frozen=True)
class Part:
    """A part of every batch of an epoch, as the steps of a stage are told of it.

    index: of `count` parts. shared: draws the same for all parts, such as the order of samples. own: draws
    for this part alone. With one part, both are the same generator.
    """

    index: int
    count: int
    shared: torch.Generator
    own: torch.Generator

    @classmethod
    def of_epoch(cls, index: int, count: int, seed: int, device: torch.device) -> Part:
        """With generators that are seeded for an epoch."""
        shared = torch.Generator(device=device).manual_seed(seed)
        if count == 1:
            return cls(index, count, shared, shared)
        own_seed = zlib.crc32(f"{seed}/{index}".encode())
        return cls(index, count, shared, torch.Generator(device=device).manual_seed(own_seed))

    def size(self, batch: int) -> int:
        """Of a batch of so many samples. Raises ValueError if it cannot be divided evenly."""
        if batch % self.count:
            raise ValueError(
                f"a batch of {batch} cannot be divided into {self.count} equal parts: choose another batch, "
                "or other --parts"
            )
        return batch // self.count

    def rows(self, batch: Rows) -> Rows:
        """Those of a batch that are this part's."""
        size = self.size(len(batch))
        return batch[self.index * size : (self.index + 1) * size]

    def own_rng(self, shared: np.random.Generator) -> np.random.Generator:
        """numpy's draws for this part alone, from what draws the same for all."""
        if self.count == 1:
            return shared
        return np.random.default_rng([int(shared.integers(2**32)), self.index])


@dataclass(frozen=True)
class Team:
    """The processes of a training.

    parts: of a batch, divided evenly among them. fabric: None of a single process.
    """

    parts: int = 1
    fabric: Fabric | None = None

    @property
    def size(self) -> int:
        """Number of processes."""
        return 1 if self.fabric is None else self.fabric.world_size

    @property
    def first(self) -> bool:
        """Whether this process writes what all of them have."""
        return self.fabric is None or self.fabric.is_global_zero

    def console(self) -> Console:
        """Of a command; what the other processes print is dropped."""
        return Console(quiet=not self.first)

    def own_parts(self) -> range:
        """Those that this process computes."""
        return range(0 if self.fabric is None else self.fabric.global_rank, self.parts, self.size)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.fabric is not None:
            self.fabric.barrier()

    def agreed(self, answer: bool) -> bool:
        """What the first process answers."""
        return answer if self.fabric is None else bool(self.fabric.broadcast(answer, src=0))

    def start_alike(self, model: nn.Module) -> None:
        """Give all processes the weights of the first."""
        if self.fabric is not None:
            for value in model.state_dict().values():
                sent = value.contiguous()
                torch.distributed.broadcast(sent, 0)
                value.copy_(sent)

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up gradients over processes; a parameter that none of them has used keeps none."""
        if self.fabric is None:
            return
        trained = [one for one in parameters if one.requires_grad]
        used = torch.tensor([float(one.grad is not None) for one in trained], device=trained[0].device)
        flat = [torch.zeros_like(one) if one.grad is None else one.grad for one in trained]
        total = torch.cat([used, *(one.flatten() for one in flat)])
        torch.distributed.all_reduce(total)
        used, *found = total.split([len(trained), *(one.numel() for one in trained)])
        for one, gradient, count in zip(trained, found, used.tolist(), strict=True):
            one.grad = gradient.view_as(one) if count else None

    def added(self, figures: dict[str, float]) -> dict[str, float]:
        """Sums of figures over processes."""
        if self.fabric is None:
            return figures
        every: list[dict[str, float]] = [{}] * self.size
        torch.distributed.all_gather_object(every, figures)
        names = dict.fromkeys(name for one in every for name in one)
        return {name: sum(one.get(name, 0.0) for one in every) for name in names}

    def add(self, value: Tensor) -> None:
        """Add a tensor up over processes, in its place."""
        if self.fabric is not None:
            torch.distributed.all_reduce(value)


_team = Team()
_STARTED_BY = {"TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "MASTER_ADDR"}
"""Variables of torchrun, of Slurm, and of who sets PyTorch's own."""


def team() -> Team:
    """Of this process. As PyTorch's group of processes, there is one, which :func:`launch` makes."""
    return _team


def launch(device: torch.device, devices: int, nodes: int, parts: int | None) -> torch.device:
    """Become a team, as `--devices`, `--num-nodes` and `--parts` say; the device of this process.

    Other processes of this machine are started with the same command line, unless torchrun or Slurm has
    started them.

    Parameters
    ----------
    device : of a single process, as :func:`choose_device` finds it
    devices : processes of this machine, one a device
    nodes : machines
    parts : of a batch, None for one of each process

    Raises
    ------
    ValueError
        If the parts cannot be divided among the processes, fewer devices are there, or several machines are
        asked for and none of what starts on them has.
    """
    global _team
    processes = devices * nodes
    parts = processes if parts is None else parts
    if parts % processes:
        raise ValueError(
            f"--parts is {parts}, expected a multiple of the {processes} processes (--devices × --num-nodes)"
        )
    if device.type == "cuda" and devices > torch.cuda.device_count():
        raise ValueError(f"--devices is {devices}, but PyTorch sees {torch.cuda.device_count()} CUDA devices")
    if processes == 1:
        _team = Team(parts)
        return device
    try:
        from lightning_fabric import Fabric
    except ModuleNotFoundError as error:
        if error.name != "lightning_fabric":
            raise
        raise ValueError(
            "lightning-fabric is not installed, expected for several processes: pip install 'semisac[train]'"
        ) from None
    if nodes > 1 and not _STARTED_BY & os.environ.keys():
        raise ValueError(
            f"--num-nodes is {nodes}, but nothing has started this on several machines: use torchrun or "
            "srun, as docs/scale_out.md says"
        )
    if nodes == 1:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # nothing of it is for the network
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(accelerator=device.type, devices=devices, num_nodes=nodes, strategy="ddp")
    fabric.launch()
    _team = Team(parts, fabric)
    return fabric.device


class PartSteps:
    """The steps of a part, which find what PyTorch has one of as this part left it.

    That is: global generators (dropout), and statistics of batch normalisation, of which each part has its
    own during an epoch. steps: as a stage makes them of the part.
    """

    def __init__(self, part: Part, model: nn.Module, steps: Iterator) -> None:
        self._part, self._steps = part, steps
        self._live = _statistics(model)
        self.statistics = [value.clone() for value in self._live]
        with torch.random.fork_rng(_cuda(part.own.device)):
            torch.manual_seed(part.own.initial_seed())
            self._random = _random_state(part.own.device)

    def __iter__(self) -> PartSteps:
        return self

    def __next__(self) -> tuple[Tensor, dict[str, Tensor]]:
        if self._part.count == 1:
            return next(self._steps)
        device = self._part.own.device
        with torch.random.fork_rng(_cuda(device)):
            _set_random_state(device, self._random)
            _copy(self.statistics, self._live)
            found = next(self._steps)
            _copy(self._live, self.statistics)
            self._random = _random_state(device)
        return found


def average_statistics(parts: list[PartSteps], model: nn.Module, together: Team) -> None:
    """Give the model the mean over all parts of what batch normalisation remembers."""
    if together.parts == 1:
        return
    for value, *own in zip(_statistics(model), *(part.statistics for part in parts), strict=True):
        if value.is_floating_point():
            value.copy_(sum(one / together.parts for one in own))
            together.add(value)
        else:  # batches counted, which are as many in each part
            value.copy_(own[0])


def _statistics(model: nn.Module) -> list[Tensor]:
    norms = (one for one in model.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm))
    return [value for one in norms for value in one.buffers(recurse=False)]


def _copy(source: list[Tensor], target: list[Tensor]) -> None:
    for value, place in zip(source, target, strict=True):
        place.copy_(value)


def _cuda(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []


def _random_state(device: torch.device) -> list[Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state(one) for one in _cuda(device))]


def _set_random_state(device: torch.device, state: list[Tensor]) -> None:
    torch.set_rng_state(state[0])
    for one, value in zip(_cuda(device), state[1:], strict=True):
        torch.cuda.set_rng_state(value, one)
