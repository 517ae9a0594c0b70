# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several processes that train one model learn what one process learns."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import semisac_ml  # noqa: E402
from semisac_ml.training import team as team_module  # noqa: E402
from semisac_ml.training.team import Part, PartSteps, Team, average_statistics, launch, team  # noqa: E402

CPU = torch.device("cpu")
HANG_S = 600


def trained(folder: Path, devices: int, parts: int = 2, *more: str) -> subprocess.CompletedProcess:
    """What tests/team_training.py leaves in a folder."""
    pytest.importorskip("lightning_fabric")
    pytest.importorskip("transformers")
    tests, package = Path(__file__).parent, Path(semisac_ml.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tests, package)))}
    command = [sys.executable, str(tests / "team_training.py"), str(folder), str(devices), str(parts), *more]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=HANG_S, check=False
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Of trainings by one and by two processes, of two parts both."""
    found = {devices: tmp_path_factory.mktemp("processes") for devices in (1, 2)}
    for devices, folder in found.items():
        done = trained(folder, devices)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("6/6") >= 1  # steps of csc_sa_net's stages
        (folder / "printed").write_text(done.stdout)
    return found


def columns(file: Path) -> dict[str, list[float]]:
    rows = list(csv.DictReader(file.open()))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "log", ["jssc/joint", "simac/simac", *(f"csc_sa_net/stage{stage}" for stage in "123")]
)
def test_two_processes_have_the_loss_curve_of_one(folders, log):
    """Noise, channels, colours and dropout are those of a part, whoever draws them; validation too."""
    one, two = (columns(folder / f"{log}.csv") for folder in folders.values())
    assert one.keys() == two.keys() and len(one["epoch"]) == 2
    for name, values in one.items():
        assert two[name] == pytest.approx(values, rel=1e-4, abs=1e-5), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["jssc/joint", "simac/best", *(f"csc_sa_net/best{stage}" for stage in "123")]
)
def test_two_processes_end_with_the_weights_of_one(folders, name):
    from safetensors.torch import load_file

    one, two = (load_file(folder / f"{name}.safetensors") for folder in folders.values())
    assert one.keys() == two.keys()
    # Adam makes whole steps of gradients that are as small as rounding: of all weights together
    apart, size = (
        sum(float(value.double().square().sum()) for value in values) ** 0.5
        for values in ([two[key] - value for key, value in one.items()], one.values())
    )
    assert apart < 3e-4 * size


@pytest.mark.slow
def test_one_process_alone_writes(folders):
    one, two = (
        sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if "events." not in file.name)
        for folder in folders.values()
    )
    assert one == two
    events = [len(list(folder.rglob("events.*"))) for folder in folders.values()]
    assert events[0] == events[1]
    printed = [(folder / "printed").read_text() for folder in folders.values()]
    assert len(printed[0].splitlines()) == len(printed[1].splitlines())


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_checkpoint_moves_between_numbers_of_processes(folders, tmp_path, before, after):
    from safetensors.torch import load_file

    broken = trained(tmp_path, before, 2, "broken")
    assert broken.returncode != 0
    assert broken.stdout.count("interrupted; the same command goes on with epoch 2 of 2") == 1
    done = trained(tmp_path, after, 2, "jssc")
    assert done.returncode == 0, done.stderr
    assert "1 of 2 epochs were done already" in done.stdout.replace("\n", " ")
    whole, moved = (load_file(folder / "jssc" / "joint.safetensors") for folder in (folders[1], tmp_path))
    for name, value in whole.items():
        torch.testing.assert_close(moved[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_machines_of_torchrun_have_the_loss_curve_of_one_process(tmp_path, free_port):
    pytest.importorskip("lightning_fabric")
    package = Path(semisac_ml.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}
    agent = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    agent += ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{free_port()}", "--"]
    program = Path(tmp_path / "semisac.py")
    program.write_text("import sys\nfrom semisac_ml.cli import main\nmain()\n")
    training = [str(program), "train", "jssc", "--data", "sample", "--epochs", "2"]
    training += ["--backbone-epochs", "1", "--threads", "1", "--run"]
    several = [*agent, *training, str(tmp_path / "two" / "run"), "--num-nodes", "2"]
    alone = [sys.executable, *training, str(tmp_path / "one" / "run"), "--parts", "2"]
    jobs = [subprocess.Popen(command, env=environment) for command in (several, several, alone)]
    assert [job.wait(HANG_S) for job in jobs] == [0, 0, 0]
    one, two = (columns(tmp_path / name / "run" / "joint.csv") for name in ("one", "two"))
    assert len(one["epoch"]) == 2
    for name, values in one.items():
        assert two[name] == pytest.approx(values, rel=1e-4, abs=1e-5), name


@pytest.mark.slow
def test_slurms_tasks_become_a_team(free_port):
    """As `srun --nodes 1 --ntasks-per-node 2` would start them; with that, Fabric starts none itself."""
    pytest.importorskip("lightning_fabric")
    text = (
        "import torch\n"
        "from semisac_ml.training.team import launch, team\n"
        "launch(torch.device('cpu'), 2, 1, None)\n"
        "value = torch.tensor([float(team().fabric.global_rank + 1)])\n"
        "team().add(value)\n"
        "print(team().size, team().first, value.item())\n"
    )
    told = {"NTASKS": 2, "NTASKS_PER_NODE": 2, "NNODES": 1, "NODEID": 0, "JOB_ID": 1, "JOB_NAME": "train"}
    told |= {"NODELIST": "127.0.0.1"}
    environment = {**os.environ, **{f"SLURM_{name}": str(value) for name, value in told.items()}}
    environment |= {"MASTER_PORT": str(free_port()), "PYTHONPATH": str(Path(semisac_ml.__file__).parents[1])}
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", text],
            env={**environment, "SLURM_PROCID": rank, "SLURM_LOCALID": rank},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    said = [job.communicate(timeout=HANG_S)[0].strip() for job in jobs]
    assert said == ["2 True 3.0", "2 False 3.0"]


def test_several_machines_without_what_starts_them(monkeypatch):
    for name in team_module._STARTED_BY:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="--num-nodes is 2, but nothing has started this on several"):
        launch(CPU, 1, 2, None)


def test_one_part_draws_as_if_there_were_none():
    part = Part.of_epoch(0, 1, 7, CPU)
    assert part.shared is part.own
    expected = torch.rand(3, generator=torch.Generator().manual_seed(7))
    assert torch.equal(torch.rand(3, generator=part.own), expected)
    rng = np.random.default_rng(1)
    assert part.own_rng(rng) is rng
    assert part.rows(np.arange(5)).tolist() == [0, 1, 2, 3, 4]


def test_parts_share_the_order_and_nothing_else():
    parts = [Part.of_epoch(index, 3, 7, CPU) for index in range(3)]
    orders = [torch.randperm(6, generator=part.shared) for part in parts]
    assert all(torch.equal(order, orders[0]) for order in orders)
    together = torch.cat([part.rows(order) for part, order in zip(parts, orders, strict=True)])
    assert torch.equal(together, orders[0])
    assert len({float(torch.rand((), generator=part.own)) for part in parts}) == 3
    assert len({part.own_rng(np.random.default_rng(1)).random() for part in parts}) == 3
    with pytest.raises(ValueError, match="a batch of 7 cannot be divided into 3 equal parts"):
        parts[0].rows(np.arange(7))


def test_a_part_does_not_hear_of_the_others():
    """Dropout and statistics of batch normalisation; what is left of the latter is the mean of the parts."""

    def network() -> torch.nn.Module:
        torch.manual_seed(1)
        return torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.5)).train()

    def steps(part: Part, model: torch.nn.Module):
        for _ in range(3):
            yield model(torch.randn(8, 2, generator=part.own)), {}

    def run(*indices: int) -> tuple[list[torch.Tensor], torch.Tensor]:
        model, parts = network(), [Part.of_epoch(index, 2, 7, CPU) for index in indices]
        running = [PartSteps(part, model, steps(part, model)) for part in parts]
        said = [found for several in zip(*running, strict=True) for found, _ in several]
        if len(running) == 2:
            average_statistics(running, model, Team(2))
            assert model[0].num_batches_tracked == 3
        return said, model[0].running_mean

    both, mean = run(0, 1)
    first, second = run(0), run(1)
    for found, alone in zip(
        both, (one for pair in zip(first[0], second[0], strict=True) for one in pair), strict=True
    ):
        assert torch.equal(found, alone)
    assert not torch.equal(first[0][0], second[0][0])
    torch.testing.assert_close(mean, (first[1] + second[1]) / 2)


def test_parts_are_shared_out(monkeypatch):
    monkeypatch.setattr(team_module, "_team", Team())
    assert list(team().own_parts()) == [0] and team().first
    assert launch(CPU, 1, 1, 4) == CPU and list(team().own_parts()) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="--parts is 3, expected a multiple of the 2 processes"):
        launch(CPU, 2, 1, 3)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="--devices is 2, but PyTorch sees 0 CUDA devices"):
            launch(torch.device("cuda"), 2, 1, None)
