# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""GNU Radio Companion: the blocks' definitions, and the example flowgraphs from opening to running."""

from __future__ import annotations

import collections
import inspect
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import running_program
from patience import HANG_S

pytest.importorskip("gnuradio.semisac", reason="the examples need GNU Radio and the module")
companion = pytest.importorskip("gnuradio.grc.core.platform", reason="the examples need GNU Radio Companion")

from gnuradio import semisac  # noqa: E402

from semisac_ml.runtime import PRECISIONS, PROVIDERS  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
DEFINITIONS = sorted((ROOT / "grc").glob("*.block.yml"))
EXAMPLES = sorted((ROOT / "examples").glob("*.grc"))
SHOWN_S = 0.5  # windows are drawn meanwhile; nothing depends on how often


def read(file: Path) -> dict:
    """Content of a block's definition."""
    import yaml

    return yaml.safe_load(file.read_text())


@pytest.fixture(scope="module")
def platform():
    """GNU Radio Companion with the blocks of this source tree."""
    from gnuradio import gr

    versions = (gr.major_version(), gr.api_version(), gr.minor_version())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRC_BLOCKS_PATH", str(ROOT / "grc"))
        made = companion.Platform(name="test", prefs=gr.prefs(), version=gr.version(), version_parts=versions)
        made.build_library()
        yield made


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: file.name.split(".")[0])
def test_every_parameter_and_port_is_documented(platform, file):
    block = platform.blocks[file.name.split(".")[0]]
    assert block.category[0] == "semisac"
    assert sum(other.category == block.category for other in platform.blocks.values()) >= 3, (
        f"{block.category} is no room of others: is its name right?"
    )
    documentation = " ".join(block.documentation[""].split())
    for parameter in read(file)["parameters"]:
        name = re.sub(r" +\(.*\)$", "", parameter["label"])
        assert name == "GUI hint" or f"{name}:" in documentation, f"{name} is not documented"
    for port in read(file).get("inputs", []) + read(file).get("outputs", []):
        name = port.get("label") or port["id"]
        assert re.search(rf"\b{name}\b( \(message\))?:", documentation), f"{name} is not documented"


def test_every_block_with_a_network_lets_choose_where_and_in_what_it_runs():
    asked = 0
    for file in DEFINITIONS:
        definition = read(file)
        block = getattr(semisac, file.name.split(".")[0].removeprefix("semisac_"), None)
        made = getattr(block, "__init__", None)
        taken = inspect.signature(made).parameters if inspect.isfunction(made) else {}  # C++ runs no network
        parameters = {one["id"]: one for one in definition["parameters"]}
        place = {"provider", "threads", "precision"}
        assert place & taken.keys() == place & parameters.keys(), file.name
        if "provider" not in taken:
            continue
        asked += 1
        assert parameters["provider"]["options"] == list(PROVIDERS)
        assert parameters["precision"]["options"] == list(PRECISIONS)
        assert place <= taken.keys()
        assert all(f"${{{name}}}" in definition["templates"]["make"] for name in place), file.name
    assert asked > 0


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_opens_without_errors(platform, file):
    flowgraph = platform.make_flow_graph(str(file))
    flowgraph.rewrite()
    flowgraph.validate()
    assert [f"{element}: {message}" for element, message in flowgraph.iter_error_messages()] == []
    assert not any(block.is_dummy_block for block in flowgraph.blocks)
    assert str(ROOT.parent) not in file.read_text()


@pytest.mark.parametrize(
    "file",
    [file for file in EXAMPLES if "semisac_target_emulator" in file.read_text()],
    ids=lambda file: file.stem,
)
def test_emulated_targets_of_an_example_turn_where_their_slider_ends(platform, file):
    """So that they are never gone for good, and a slider cannot put them where they may not be."""
    flowgraph = platform.make_flow_graph(str(file))
    flowgraph.rewrite()
    (emulator,) = (block for block in flowgraph.blocks if block.key == "semisac_target_emulator")
    targets = emulator.params["targets"].get_evaluated()
    assert all(0.0 < one["nearest_m"] <= one["range_m"] <= one["farthest_m"] for one in targets)
    (slider,) = (block for block in flowgraph.blocks if block.name == "range_m")
    ends = [slider.params[name].get_evaluated() for name in ("start", "stop")]
    assert ends == [targets[0]["nearest_m"], targets[0]["farthest_m"]]


def comment_of(name: str) -> dict[str, str]:
    """What an example's comment says in lines such as "Beside it: zmq_channel.grc": "Before it", "Beside it"
    (examples that must run) and "Needs" (what no test has).
    """
    comment = read(ROOT / "examples" / f"{name}.grc")["options"]["parameters"]["comment"]
    return dict(re.findall(r"^(Before it|Beside it|Needs): (.+)$", comment, re.MULTILINE))


def named(name: str, key: str) -> list[str]:
    """Examples that the comment of an example names."""
    listed = comment_of(name).get(key, "").split(",")
    return [other.strip().removesuffix(".grc") for other in listed if other.strip()]


def together(name: str) -> tuple[str, ...]:
    """An example and all that must run beside it: those that it names, and those that these name."""
    found = [name]
    for known in found:
        found += [other for other in named(known, "Beside it") if other not in found]
    return tuple(sorted(found))


@pytest.fixture
def own_ports(free_port):
    """Function that gives the addresses in a text ports that nobody else uses, the same one for the same."""
    ports = collections.defaultdict(free_port)
    return lambda text: re.sub(r"(?<=tcp://127\.0\.0\.1:)\d+", lambda port: str(ports[port[0]]), text)


@pytest.mark.slow
@pytest.mark.parametrize("examples", sorted({together(file.stem) for file in EXAMPLES}), ids="+".join)
def test_examples_run(platform, tmp_path, own_ports, examples):
    """With made-up bundles under the names of those that ship; Qt draws off screen."""
    pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")
    pytest.importorskip("PyQt5", reason="the example has a Qt window")
    from tiny_beam_bundle import make_tiny_beam_bundle
    from tiny_bundle import make_tiny_bundle
    from tiny_fusion_bundle import SHIPPED as SHIPPED_FUSION
    from tiny_fusion_bundle import make_tiny_fusion_bundle
    from tiny_picture_bundle import make_tiny_picture_bundle
    from tiny_target_bundle import SHIPPED, make_tiny_target_bundle

    for access, name in (("superposed", "street"), ("orthogonal", "street-orthogonal")):
        folder = tmp_path / "models" / "csc_sa_net" / name
        make_tiny_fusion_bundle(folder, access=access, sizes=SHIPPED_FUSION)
    make_tiny_bundle(tmp_path / "models" / "jssc" / "awgn")
    make_tiny_picture_bundle(tmp_path / "models" / "jssc" / "hifi", channel_uses=256)
    make_tiny_beam_bundle(tmp_path / "models" / "vi_beam" / "deepsense")
    make_tiny_target_bundle(tmp_path / "models" / "simac" / "small-awgn", sizes=SHIPPED)
    for name in examples:
        compile_example(platform, name, tmp_path, own_ports)
    needs = [comment_of(name)["Needs"] for name in examples if "Needs" in comment_of(name)]
    if needs:
        pytest.skip(f"compiles, but needs {', '.join(needs)} to run")
    for name in [before for example in examples for before in named(example, "Before it")]:
        compile_example(platform, name, tmp_path, own_ports)
        run_together([name], tmp_path)
    run_together(list(examples), tmp_path)


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "SEMISAC_MODELS": str(folder / "models"),
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(folder),
        "HOME": str(folder),  # FFTW's wisdom of its own: others may write theirs at the same moment
    }


def compile_example(platform, name: str, folder: Path, own_ports: Callable[[str], str]) -> None:
    """Compile an example as grcc does, with the simulated radio in the place of another, and own ports."""
    import yaml

    example = read(ROOT / "examples" / f"{name}.grc")
    for block in example["blocks"]:
        if (block["name"], block["id"]) == ("radio", "variable"):
            block["parameters"]["value"] = '"simulation"'
    copy = folder / f"{name}.grc"
    copy.write_text(own_ports(yaml.safe_dump(example)))
    _, file = platform.load_and_generate_flow_graph(str(copy), str(folder))
    assert file, f"{name}.grc does not compile"


def run_together(names: list[str], folder: Path) -> None:
    """Run compiled examples until something went through, and for a moment that shows it, then end them as a
    person would; none may speak of an error.
    """
    running = {
        name: subprocess.Popen(
            [sys.executable, running_program.__file__, str(folder / f"{name}.py")], cwd=folder,
            env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for name in names
    }  # fmt: skip
    try:
        outputs = {name: running_program.started(program) for name, program in running.items()}
        time.sleep(SHOWN_S)
        for program in running.values():
            program.send_signal(signal.SIGTERM)
        for name, program in running.items():
            outputs[name] += program.communicate(timeout=HANG_S)[0]
    finally:
        for program in running.values():
            program.kill()
    for name, program in running.items():
        assert program.returncode == 0, outputs[name]
        assert "rror" not in outputs[name], outputs[name]


def heard_over_fm(platform, folder: Path, notes: list[int], noise: float) -> np.ndarray:
    """Mean probability of each key of a piano, [88], in what examples/notes_over_fm.grc hears of three notes.

    The example without its windows, faster than time, for a second and a half, with noise of a fixed seed.
    """
    import yaml

    example = read(ROOT / "examples" / "notes_over_fm.grc")
    example["options"]["parameters"]["generate_options"] = "no_gui"
    windows = {"keys", "received", "roll"}
    chosen = {f"note_{place}": note for place, note in enumerate(notes)} | {"noise_voltage": noise}
    for block in example["blocks"]:
        if block["name"] in chosen:
            block["id"] = "variable"
            block["parameters"] = {"value": str(chosen[block["name"]])}
        elif block["id"] == "blocks_throttle":
            block["id"] = "blocks_head"
            block["parameters"] = {"type": "float", "num_items": "3 * 43 * 256"}
        elif block["id"] == "channels_channel_model":
            block["parameters"]["seed"] = "1"
        elif block["name"] == "columns":
            sink = {**block, "name": "heard", "id": "blocks_vector_sink_x"}
            sink["parameters"] = {"type": "float", "vlen": "88"}
    example["blocks"] = [block for block in example["blocks"] if block["name"] not in windows] + [sink]
    example["connections"] = [wire for wire in example["connections"] if not windows & set(wire)]
    example["connections"].append(["columns", "0", "heard", "0"])
    (folder / "notes_over_fm.grc").write_text(yaml.safe_dump(example))
    _, file = platform.load_and_generate_flow_graph(str(folder / "notes_over_fm.grc"), str(folder))
    assert file
    program = runpy.run_path(str(folder / "notes_over_fm.py"))["notes_over_fm"]()
    program.run()
    columns = np.array(program.heard.data()).reshape(-1, 88)
    return columns[43:].mean(axis=0)  # behind the begin of the sound


def test_notes_sent_with_fm_are_heard(platform, tmp_path):
    """Those that are played and no others, of a carrier 14 dB over the noise; none of one 9 dB below it."""
    played = [62, 66, 71]  # MIDI, where 21 is the lowest key
    for noise, expected in ((0.2, played), (2.8, [])):
        probability = heard_over_fm(platform, tmp_path, played, noise)
        assert (np.flatnonzero(probability > 0.3) + 21).tolist() == expected


@pytest.mark.parametrize("mode", ["fixed", "leakage"])
def test_a_slider_moves_the_latency_only_where_one_is_given(platform, tmp_path, mode):
    """With a latency found from leakage its field is hidden, and may still hold the variable of a slider."""
    import yaml

    blocks = [
        {"name": "slider", "id": "variable", "parameters": {"value": "0.0"}},
        {"name": "aligner", "id": "semisac_echo_aligner",
         "parameters": {"mode": mode, "latency_samples": "slider"}},
        *({"name": f"source_{port}", "id": "blocks_null_source", "parameters": {}} for port in range(2)),
        *({"name": f"sink_{port}", "id": "blocks_null_sink", "parameters": {}} for port in range(2)),
    ]  # fmt: skip
    wires = [[f"source_{p}", "0", "aligner", f"{p}"] for p in range(2)]
    wires += [["aligner", f"{p}", f"sink_{p}", "0"] for p in range(2)]
    options = {"parameters": {"id": "sliding", "generate_options": "no_gui"}, "states": {"state": "enabled"}}
    graph = {"options": options, "blocks": blocks, "connections": wires, "metadata": {"file_format": 1}}
    for block in blocks:
        block["states"] = {"state": "enabled"}
    (tmp_path / "sliding.grc").write_text(yaml.safe_dump(graph))
    _, file = platform.load_and_generate_flow_graph(str(tmp_path / "sliding.grc"), str(tmp_path))
    assert file
    program = runpy.run_path(str(tmp_path / "sliding.py"))["sliding"]()
    program.set_slider(41.0)
    assert program.aligner.latency_samples() == (41.0 if mode == "fixed" else 0.0)
