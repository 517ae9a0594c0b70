# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Table II of SIMAC: the networks as ONNX files say what PyTorch says, and rows add up."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console
from simac_testing import tiny_settings

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from semisac_ml.systems.simac import complexity, costs, peak_memory  # noqa: E402
from semisac_ml.systems.simac.timed_networks import (  # noqa: E402
    NETWORKS,
    TimedNetwork,
    paper_network,
    timed_network,
)

SMALL_MS = {"ONNX Runtime": [2.0, 3.0, 10.0], "PyTorch": [4.0, 9.0, 10.0]}


def measured(scale: float = 1.0) -> complexity.Measured:
    seconds = {runtime: scale * 1e-3 * np.array(times) for runtime, times in SMALL_MS.items()}
    peaks = {"ONNX Runtime": 100.0, "PyTorch": 300.0}
    return complexity.Measured(costs.Cost(1_000_000, 2_000_000_000), seconds, peaks, 1e-6)


def value(rows, **told) -> float:
    """Of the one row that is told."""
    (found,) = [
        row
        for row in rows
        if all(getattr(row, key, row.conditions.get(key, "")) == expected for key, expected in told.items())
    ]
    return found.value


def check_against_pytorch(one: TimedNetwork, tmp_path) -> None:
    session = complexity.exported(one, tmp_path / "network.onnx")
    assert one.difference(session) <= one.tolerance
    # and a batch of two, whose second sample is another
    found = session.run(**{name: tensor.numpy() for name, tensor in one.inputs.items()})
    with torch.inference_mode():
        expected = one.network(*one.inputs.values())
    expected = [expected] if isinstance(expected, torch.Tensor) else expected
    for name, tensor in zip(one.outputs, expected, strict=True):
        assert np.abs(tensor.numpy()[0] - tensor.numpy()[1]).max() > 10 * one.tolerance, name
        np.testing.assert_allclose(found[name], tensor.numpy(), rtol=0, atol=one.tolerance)


@pytest.mark.parametrize(
    "name", [pytest.param("MSF", marks=pytest.mark.slow), pytest.param("LSE", marks=pytest.mark.slow), "SSD"]
)
def test_small_networks_as_onnx_say_the_same(name, tmp_path, request):
    if name != "SSD":  # the newer exporter has MSF and LSE in test_simac_networks.py, tiny
        request.getfixturevalue("traced")
    one = timed_network("small", name)
    assert one.tolerance == 1e-4
    check_against_pytorch(one, tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("name", NETWORKS["paper"])
def test_the_papers_networks_as_onnx_say_the_same(name, tmp_path):
    one = timed_network("paper", name)
    assert costs.cost(one.network, *one.sample.values()).parameters == pytest.approx(
        costs.PAPER[name].parameters, rel=0.05
    )
    assert one.tolerance == 1e-4
    check_against_pytorch(one, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS["tuned"])
def test_tuned_networks_as_onnx_say_the_same(name, tmp_path):
    one = timed_network("tuned", name)
    session = complexity.exported(one, tmp_path / "network.onnx")
    assert one.difference(session) <= one.tolerance


def test_what_differs_is_refused(tmp_path):
    one = TimedNetwork(torch.nn.Linear(3, 2).eval(), {"x": torch.rand(2, 3)}, ("y",))
    assert one.difference(complexity.exported(one, tmp_path / "network.onnx")) <= 1e-4
    with pytest.raises(ValueError, match="network: an output differs from PyTorch's by .*, expected -1"):
        complexity.exported(dataclasses.replace(one, tolerance=-1.0), tmp_path / "network.onnx")


def test_a_seed_gives_the_same_network_and_leaves_the_global_one_alone():
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    one, same, other = (paper_network("SSD", tiny_settings(), seed) for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.run(), same.run(), strict=True))
    assert not torch.equal(one.run()[0], other.run()[0])


def test_unknown_networks_are_refused():
    for variant, name in (("small", "encoder"), ("large", "MSF")):
        expected = f"network is '{name}' of '{variant}', expected one of paper: MSF"
        with pytest.raises(ValueError, match=expected):
            timed_network(variant, name)


def test_operations_are_counted_alike_on_a_processor_and_on_none():
    found = {name: paper_network(name, tiny_settings()) for name in ("MSF", "LSE", "SSD")}
    counted = {name: costs.cost(one.network, *one.sample.values()) for name, one in found.items()}
    assert counted == costs.costs(tiny_settings())


def test_calls_take_turns():
    said = []
    times = complexity.in_turn((lambda: said.append("a"), lambda: said.append("b")), 4)
    assert said == ["a"] * complexity.WARM_UP + ["b"] * complexity.WARM_UP + list("abbaabba")
    assert [len(one) for one in times] == [4, 4] and np.min(times) >= 0.0


def test_one_thread_is_given_back():
    before = torch.get_num_threads()
    with complexity.one_thread():
        assert torch.get_num_threads() == 1 and torch.is_inference_mode_enabled()
    assert torch.get_num_threads() == before and not torch.is_inference_mode_enabled()


def test_printed_figures_are_the_papers():
    rows = complexity.printed_rows()
    assert value(rows, metric="latency_ms", network="MSF") == 0.68
    assert value(rows, metric="latency_ms", network="all") == 1.5
    assert value(rows, metric="flops", network="all") == 19.8e9
    for metric, total in (("parameters", 176.3e6), ("flops", 19.8e9), ("latency_ms", 1.5)):
        parts = sum(value(rows, metric=metric, network=name) for name in NETWORKS["paper"])
        assert parts == pytest.approx(total, rel=0.03), metric


def test_latencies_are_medians_and_ratios_of_neighbours():
    rows = complexity.network_rows("small", "MSF", measured())
    assert value(rows, metric="latency_ms", runtime="ONNX Runtime") == pytest.approx(3.0)
    assert value(rows, metric="latency_ms", runtime="PyTorch") == pytest.approx(9.0)
    assert value(rows, metric="speedup") == pytest.approx(2.0)  # of 2, 3 and 1
    assert value(rows, metric="peak_memory_mb", runtime="PyTorch") == 300.0
    whole = complexity.sum_rows("small", [measured(), measured(2.0)])
    assert value(whole, metric="latency_ms", runtime="ONNX Runtime") == pytest.approx(9.0)
    assert value(whole, metric="parameters") == 2_000_000
    assert value(whole, metric="speedup") == pytest.approx(2.0)


def test_the_table_and_the_picture_show_what_was_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(complexity, "measure", lambda variant, name, rounds, seed: measured())
    rows = complexity.complexity_rows(console=Console(file=io.StringIO()))
    assert len({row.place for row in rows}) == len(rows)  # none takes the place of another
    screen = Console(file=io.StringIO(), width=160)
    screen.print(complexity.table(rows))
    text = screen.file.getvalue()
    for shown in ("paper, as printed", "0.68 ms, RTX 4090", "3.00 ms", "9.00 ms", "2.00", "100, 300 MB"):
        assert shown in text, text
    complexity.draw(tmp_path / "table2.png", rows)
    assert (tmp_path / "table2.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_memory_is_that_of_the_new_process():
    held = np.ones(400_000_000 // 8)  # touched, so that this process has had them
    own = peak_memory.peak_mb()
    assert own > 400
    assert 10 < peak_memory.in_new_process(peak_memory.peak_mb) < own - 300
    assert held.size
