# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles: a good one loads; each way of being damaged is one BundleError that names file and field."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semisac_ml import systems
from semisac_ml.runtime import (
    BeamPrediction,
    Bundle,
    BundleError,
    ImageLink,
    convert_bundle,
    list_bundles,
    model_folders,
    write_bundle,
)

onnx = pytest.importorskip("onnx")
from tiny_beam_bundle import make_tiny_beam_bundle  # noqa: E402


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the made-up bundle to damage."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "jssc" / "tiny"))


@pytest.fixture
def made_up_system(tmp_path, monkeypatch):
    """Writes the manifest.py of a system "made_up" that lies in a folder of its own."""
    folder = tmp_path / "systems" / "made_up"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.setattr(systems, "__path__", [*systems.__path__, str(folder.parent)])
    importlib.invalidate_caches()
    yield (folder / "manifest.py").write_text
    for name in [name for name in sys.modules if name.startswith("semisac_ml.systems.made_up")]:
        del sys.modules[name]
    vars(systems).pop("made_up", None)


def manifest_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def set_field(folder: Path, path: str, value: Any) -> None:
    """Set a field of the manifest by its dotted path; numbers index lists; Ellipsis removes the field."""
    manifest = manifest_of(folder)
    *parents, last = path.split(".")
    place: Any = manifest
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if value is ...:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    (folder / "manifest.json").write_text(json.dumps(manifest))


def replace_network(folder: Path, network: str, content: bytes) -> None:
    """Swap a network's file and state its true hash, so that only its content is wrong."""
    (folder / f"{network}.onnx").write_bytes(content)
    set_field(folder, f"networks.{network}.sha256", hashlib.sha256(content).hexdigest())


def refused(folder: Path, *mentioned: str) -> str:
    """The bundle is refused with one line that mentions all of these; returned."""
    with pytest.raises(BundleError) as caught:
        Bundle.load(folder)
    message = str(caught.value)
    assert "\n" not in message
    for text in mentioned:
        assert text in message, message
    return message


def test_good_bundle_loads_and_runs(tiny_bundle):
    bundle = Bundle.verify(tiny_bundle)
    assert bundle.name == "jssc/tiny"
    assert len(bundle.fingerprint) == 12
    image = np.random.default_rng(0).random((3, 3, 32, 32), dtype=np.float32)
    symbols = bundle.session("encoder").run(image=image, snr_db=np.zeros(3, np.float32))["symbols"]
    assert (symbols**2).sum(axis=2).mean(axis=1) == pytest.approx(np.ones(3), rel=1e-5)


def test_loaded_bundle_passes_through(tiny_bundle):
    bundle = Bundle.load(tiny_bundle)
    assert Bundle.load(bundle) is bundle
    assert bundle.session("task") is bundle.session("task")


def test_lookup_by_name(tiny_models, monkeypatch, tmp_path):
    monkeypatch.setenv("SEMISAC_MODELS", f"{tmp_path}:{tiny_models}")
    assert model_folders()[:2] == [tmp_path, tiny_models]
    assert {"jssc/tiny", "jssc/tiny_rayleigh"} <= set(list_bundles())
    assert Bundle.load("jssc/tiny").path == tiny_models / "jssc" / "tiny"


def test_bundles_of_the_source_tree_are_found_before_installed_ones(tiny_models, monkeypatch):
    # a bundle exported anew into models/ must take effect without another installation
    monkeypatch.setenv("SEMISAC_MODELS", str(tiny_models))
    tree = Path(__file__).resolve().parents[1] / "models"
    assert model_folders() == [tiny_models, tree, Path(sys.prefix) / "share" / "semisac" / "models"]


@pytest.mark.parametrize("name", ["jssc/absent", "nothing", "../jssc/tiny", ""])
def test_unknown_name_lists_what_there_is(tiny_bundle, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match="jssc/tiny_rayleigh|manifest.json is missing"):
        Bundle.load(name)


def test_folder_of_another_name_is_found_by_verify(copy, monkeypatch):
    monkeypatch.setenv("SEMISAC_MODELS", str(copy.parents[1]))
    copy.rename(copy.with_name("other"))
    with pytest.raises(BundleError, match="rename the folder"):
        Bundle.verify("jssc/other")


def test_absent_network_names_the_others(tiny_bundle):
    with pytest.raises(BundleError, match="networks.beam: is missing.*encoder"):
        Bundle.load(tiny_bundle).session("beam")


# Files


def test_truncated_network(copy):
    content = (copy / "encoder.onnx").read_bytes()
    (copy / "encoder.onnx").write_bytes(content[: len(content) // 2])
    refused(copy, "encoder.onnx", "networks.encoder.sha256")


@pytest.mark.parametrize("keep", [0, 1, 10, 100, 100_000, -1])
def test_truncated_network_of_true_hash(copy, keep):
    content = (copy / "encoder.onnx").read_bytes()
    replace_network(copy, "encoder", content[:keep])
    refused(copy, "encoder.onnx", "networks.encoder")


@pytest.mark.parametrize("position", [0, 1000, -1])
def test_changed_byte(copy, position):
    content = bytearray((copy / "reconstruction.onnx").read_bytes())
    content[position] ^= 1
    (copy / "reconstruction.onnx").write_bytes(content)
    refused(copy, "reconstruction.onnx", "networks.reconstruction.sha256", "get the bundle again")


def test_missing_network_file(copy):
    (copy / "task.onnx").unlink()
    refused(copy, "task.onnx", "networks.task.file: is missing")


def test_network_file_that_is_a_folder(copy):
    (copy / "task.onnx").unlink()
    (copy / "task.onnx").mkdir()
    refused(copy, "networks.task.file")


def test_network_file_that_is_a_link(copy, tmp_path):
    (copy / "task.onnx").rename(tmp_path / "elsewhere.onnx")
    (copy / "task.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    refused(copy, "task.onnx", "is a link")


def test_manifest_that_is_a_link(copy, tmp_path):
    (copy / "manifest.json").rename(tmp_path / "elsewhere.json")
    (copy / "manifest.json").symlink_to(tmp_path / "elsewhere.json")
    refused(copy, "manifest.json", "is a link")


@pytest.mark.parametrize(
    "path",
    [
        "../task.onnx",
        "/etc/passwd",
        "/tmp/task.onnx",
        "folder/task.onnx",
        "..",
        ".hidden.onnx",
        "a\\b.onnx",
        "",
        "task.onnx\n",
    ],
)
def test_path_that_leaves_the_folder(copy, path):
    set_field(copy, "networks.task.file", path)
    refused(copy, "manifest.json", "networks.task.file", "plain file name")


def test_missing_manifest(copy):
    (copy / "manifest.json").unlink()
    refused(copy, "manifest.json is missing")


# Manifest


@pytest.mark.parametrize("version", [3, 99, 0, -1, "1", 1.5, True, [1]])
def test_other_format_version(copy, version):
    set_field(copy, "format_version", version)
    refused(copy, "manifest.json", "format_version", "expected 1")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[1, 2]", b'"text"', b"null", b"[" * 100_000, b"{}", b" " * (1 << 21)],
)
def test_manifest_that_is_no_json_object(copy, content):
    (copy / "manifest.json").write_bytes(content)
    refused(copy, "manifest.json")


def test_repeated_key(copy):
    text = (copy / "manifest.json").read_text()
    (copy / "manifest.json").write_text(text.replace('"system"', '"licence": "none", "system"', 1))
    refused(copy, "manifest.json", "licence", "twice")


def test_not_a_number_in_the_manifest(copy):
    text = (copy / "manifest.json").read_text()
    (copy / "manifest.json").write_text(text.replace('"reference_snr_db": 3.0', '"reference_snr_db": NaN', 1))
    refused(copy, "manifest.json", "NaN")


FIELDS = "system name description licence interface networks data training metrics".split()
FIELDS += "interface.symbols interface.channel interface.sensing training.seed data.split".split()
FIELDS += "interface.symbols.channel_uses interface.channel.model interface.sensing.max_ranges".split()
FIELDS += "networks.task.sha256 networks.task.file networks.task.inputs networks.task.inputs.0.name".split()


@pytest.mark.parametrize("field", FIELDS)
def test_missing_field(copy, field):
    set_field(copy, field, ...)
    refused(copy, "manifest.json", field, "is missing")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("surprise", 1),
        ("networks.task.surprise", 1),
        ("networks", {}),
        ("networks.task.sha256", "0" * 63),
        ("networks.task.sha256", "G" * 64),
        ("networks.task.inputs", []),
        ("networks.task.inputs.0.range", [1.0, 0.0]),
        ("networks.task.inputs.0.dtype", "object"),
        ("networks.task.inputs.0.shape", ["batch", 0, 2]),
        ("interface.surprise", 1),
        ("interface.symbols.surprise", 1),
        ("interface.symbols.real_dimensions", 7),
        ("interface.symbols.channel_uses", "ten"),
        ("interface.channel.model", "telepathy"),
        ("interface.channel.snr_db", [0.0]),
        ("interface.sensing.fading", 3),
        ("interface.classes", "ten"),
        ("interface", []),
        ("system", "../jssc"),
        ("name", "a/b"),
        ("metrics", {"psnr_db": {"value": 3.0, "low": 4.0, "high": 5.0, "n": 10}}),
        ("metrics", {"psnr_db": {"value": 3.0, "low": 2.0, "high": 5.0, "n": 0}}),
        ("metrics", {"psnr_db": 15.0}),
    ],
)
def test_wrong_field(copy, field, value):
    set_field(copy, field, value)
    depth = 2 if field.startswith("interface.") else 1
    refused(copy, "manifest.json", ".".join(field.split(".")[:depth]))


# The section of a system


def test_blocks_ask_for_an_interface(tiny_bundle):
    bundle = Bundle.load(tiny_bundle)
    link = bundle.interface(ImageLink)
    assert (link.symbols.channel_uses, link.channel.model, len(link.classes)) == (10, "awgn", 10)
    with pytest.raises(BundleError) as caught:
        bundle.interface(BeamPrediction)
    assert str(caught.value) == (
        "bundle jssc/tiny sends images, expected one that predicts beams: choose one that does, "
        "such as lam_msac/deepsense, lam_msac/street, vi_beam/deepsense"
    )


@pytest.mark.parametrize("system", ["unheard_of", "jssc_hifi"])  # without a folder, without its manifest.py
def test_system_that_is_not_installed(copy, system):
    set_field(copy, "system", system)
    refused(copy, f"system: is '{system}', which is not installed", f"{system}/manifest.py")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "made_up.manifest has no class Interface"),
        ("class Interface: pass", "made_up.manifest has no class Interface"),
        (
            "import absent_package",
            "cannot be imported (ModuleNotFoundError: No module named 'absent_package')",
        ),
        ("1 / 0", "cannot be imported (ZeroDivisionError: division by zero)"),
    ],
)
def test_system_whose_own_file_is_wrong(copy, made_up_system, text, said):
    made_up_system(text)
    set_field(copy, "system", "made_up")
    refused(copy, "manifest.json: system: ", said)


BOTH = """
from semisac_ml.runtime import BeamPrediction, ImageLink

class Interface(ImageLink, BeamPrediction):
    waves: int

    def axis_lengths(self):
        return super().axis_lengths() | {"waves": self.waves}
"""


def test_system_that_serves_several_interfaces_and_has_fields_of_its_own(copy, made_up_system):
    made_up_system(BOTH)
    set_field(copy, "system", "made_up")
    refused(copy, "interface.beams: is missing", "(and 1 more)")
    set_field(copy, "interface.beams", {"count": 8, "frames": 1, "sites": ["roof"], "measured": {}})
    set_field(copy, "interface.waves", 3)
    bundle = Bundle.verify(copy)
    assert bundle.interface(ImageLink) is bundle.interface(BeamPrediction)
    assert bundle.interface(BeamPrediction).beams.count == 8
    rows = dict(bundle.manifest.interface.summary())
    assert rows["waves"] == "3" and rows["beams"] == "8, from up to 1 frames; sites roof"
    lengths = bundle.manifest.interface.axis_lengths()
    assert (lengths["waves"], lengths["channel_uses"]) == (3, 10)


# Format 1


@pytest.fixture
def old(copy) -> Path:
    """The made-up bundle with a manifest of format 1."""
    manifest = manifest_of(copy)
    interface = manifest.pop("interface")
    manifest["data"] |= {name: interface.pop(name) for name in ("classes", "animal_classes")}
    (copy / "manifest.json").write_text(json.dumps({**manifest, **interface, "format_version": 1}))
    return copy


def test_format_1_loads_and_is_converted_once(old, tiny_bundle):
    networks = {file.name: file.read_bytes() for file in old.glob("*.onnx")}
    read, today = Bundle.load(old), Bundle.load(tiny_bundle)
    assert read.manifest.model_dump() == today.manifest.model_dump()
    assert read.fingerprint == hashlib.sha256((old / "manifest.json").read_bytes()).hexdigest()[:12]
    assert read.interface(ImageLink).symbols.channel_uses == 10
    assert convert_bundle(old).fingerprint == today.fingerprint != read.fingerprint
    assert (old / "manifest.json").read_text() == (tiny_bundle / "manifest.json").read_text()
    assert convert_bundle(old).fingerprint == today.fingerprint  # and changes nothing
    assert {file.name: file.read_bytes() for file in old.glob("*.onnx")} == networks
    assert sorted(file.name for file in old.iterdir()) == sorted([*networks, "manifest.json"])


def test_beams_of_format_1(tmp_path):
    folder = make_tiny_beam_bundle(tmp_path / "vi_beam" / "tiny")
    today, manifest = Bundle.load(folder), manifest_of(folder)
    manifest |= {**manifest.pop("interface"), "format_version": 1}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert Bundle.load(folder).interface(BeamPrediction).beams == today.interface(BeamPrediction).beams
    set_field(folder, "symbols", {})
    refused(folder, "symbols: is stated beside beams, expected beams alone")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbols", ...),
        ("sensing.max_ranges", ...),
        ("channel.model", "telepathy"),
        ("symbols.surprise", 1),
        ("surprise", 1),
        ("interface", {}),
        ("data.classes", 10),
        ("data.animal_classes", ["two"]),
        ("data.split", ...),
        ("data", []),
    ],
)
def test_format_1_is_read_as_strictly_as_ever(old, field, value):
    set_field(old, field, value)
    before = (old / "manifest.json").read_bytes()
    message = refused(old, f"manifest.json: {field}")
    assert "format 1" in message if field.endswith(("surprise", "interface")) else "interface" not in message
    with pytest.raises(BundleError):
        convert_bundle(old)
    assert (old / "manifest.json").read_bytes() == before


def test_format_1_of_a_system_that_is_not_here_runs_and_stays(old):
    set_field(old, "system", "unheard_of")
    assert Bundle.load(old).interface(ImageLink).channel.model == "awgn"
    before = (old / "manifest.json").read_bytes()
    with pytest.raises(BundleError, match="which is not installed"):
        convert_bundle(old)
    assert (old / "manifest.json").read_bytes() == before


# Manifest against network


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("networks.encoder.inputs.0.shape", ["batch", 1, 32, 32], "shape"),
        ("networks.encoder.inputs.0.shape", ["batch", 3, 32], "shape"),
        ("networks.encoder.inputs.0.shape", [1, 3, 32, 32], "shape"),
        ("networks.encoder.outputs.0.shape", ["batch", 11, 2], "shape"),
        ("networks.encoder.inputs.0.dtype", "uint8", "dtype"),
        ("networks.sensing.inputs.3.dtype", "float32", "dtype"),
        ("networks.encoder.inputs.0.name", "picture", "picture"),
        ("networks.encoder.outputs.0.name", "code", "code"),
    ],
)
def test_interface_that_disagrees_with_the_network(copy, field, value, said):
    set_field(copy, field, value)
    network, kind = field.split(".")[1:3]
    refused(copy, f"{network}.onnx", f"networks.{network}: {kind}", said)


def test_swapped_networks(copy):
    first, second = (copy / "task.onnx").read_bytes(), (copy / "reconstruction.onnx").read_bytes()
    replace_network(copy, "task", second)
    replace_network(copy, "reconstruction", first)
    refused(copy, "networks.reconstruction: outputs")


def test_networks_that_share_a_file(copy):
    set_field(copy, "networks.task.file", "encoder.onnx")
    refused(copy, "share a file")


# Content of a network


def changed(folder: Path, network: str, change: Any) -> bytes:
    """The network's file after a change of its largest constant, given and returned as an array."""
    model = onnx.load(folder / f"{network}.onnx")
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    array = np.array(onnx.numpy_helper.to_array(tensor))
    tensor.CopyFrom(onnx.numpy_helper.from_array(change(array), tensor.name))
    return model.SerializeToString()


def with_value(value: float, dtype: str = "float32") -> Any:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.astype(dtype)
        array.flat[array.size // 3] = value
        return array

    return change


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_weights_that_are_not_finite(copy, value, dtype):
    replace_network(copy, "encoder", changed(copy, "encoder", with_value(value, dtype)))
    refused(copy, "encoder.onnx", "networks.encoder", "NaN" if np.isnan(value) else "infinity")


def test_nan_weights_that_the_output_hides(copy):
    """max(0, NaN) may be 0: the weights themselves are looked at."""
    model = onnx.load(copy / "encoder.onnx")
    helper = onnx.helper
    model.graph.initializer.append(
        onnx.numpy_helper.from_array(np.array([np.nan, 1.0], np.float32), "unused")
    )
    replace_network(copy, "encoder", model.SerializeToString())
    refused(copy, "weights unused hold NaN")
    del model.graph.initializer[-1]
    constant = helper.make_node(
        "Constant", [], ["c"], value=onnx.numpy_helper.from_array(np.array([np.nan, 1.0], np.float32))
    )
    model.graph.node.append(constant)
    replace_network(copy, "encoder", model.SerializeToString())
    refused(copy, "networks.encoder", "NaN")


def test_nan_in_other_encodings(copy):
    for values, kind in (([np.nan, 1.0], onnx.TensorProto.FLOAT), ([np.nan, 1.0], onnx.TensorProto.DOUBLE)):
        model = onnx.load(copy / "encoder.onnx")
        model.graph.initializer.append(onnx.helper.make_tensor("listed", kind, [2], values))  # not raw data
        replace_network(copy, "encoder", model.SerializeToString())
        refused(copy, "weights listed hold NaN")


def test_weights_that_overflow_in_use(copy):
    replace_network(copy, "task", changed(copy, "task", lambda a: a / np.abs(a).max() * np.float32(3e38)))
    refused(copy, "networks.task", "probability is not finite")


def test_weights_in_another_file(copy):
    model = onnx.load(copy / "encoder.onnx")
    onnx.save_model(
        model, copy / "encoder.onnx", save_as_external_data=True, location="encoder.data", size_threshold=100
    )
    replace_network(copy, "encoder", (copy / "encoder.onnx").read_bytes())
    assert (copy / "encoder.data").exists()
    refused(copy, "networks.encoder", "another file")


def test_old_opset(copy):
    model = onnx.load(copy / "sensing_echo.onnx")
    model.opset_import[0].version = 6
    replace_network(copy, "sensing_echo", model.SerializeToString())
    refused(copy, "networks.sensing_echo", "opset is 6")


def test_unknown_operator(copy):
    model = onnx.load(copy / "task.onnx")
    model.graph.node[0].op_type = "Telepathy"
    replace_network(copy, "task", model.SerializeToString())
    refused(copy, "networks.task", "ONNX Runtime")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 64, b"\xff" * 64, b'{"json": 1}', b"\x80" * 20])
def test_network_that_is_no_onnx(copy, content):
    replace_network(copy, "task", content)
    refused(copy, "task.onnx", "networks.task")


def test_random_damage_never_ends_in_another_error(copy):
    """Bytes changed, hash made right: loads all the same (a weight changed a little) or is a BundleError."""
    content = (copy / "sensing.onnx").read_bytes()
    generator = np.random.default_rng(12)
    refusals = 0
    for _ in range(60):
        damaged = bytearray(content)
        for position in generator.integers(0, len(content), 3):
            damaged[position] = generator.integers(0, 256)
        replace_network(copy, "sensing", bytes(damaged))
        try:
            Bundle.load(copy)
        except BundleError:
            refusals += 1
    assert refusals > 30


# Writing


def fields_of(folder: Path) -> dict[str, Any]:
    fields = manifest_of(folder)
    return {key: fields[key] for key in fields if key not in ("format_version", "networks")}


def test_written_bundle_is_the_same_again(tiny_bundle, tmp_path):
    networks = {p.stem: p.read_bytes() for p in tiny_bundle.glob("*.onnx")}
    tensors = {
        name: {"inputs": network["inputs"], "outputs": network["outputs"]}
        for name, network in manifest_of(tiny_bundle)["networks"].items()
    }
    bundle = write_bundle(tmp_path / "tiny", networks=networks, tensors=tensors, **fields_of(tiny_bundle))
    assert bundle.manifest == Bundle.load(tiny_bundle).manifest
    assert [p.name for p in tmp_path.iterdir()] == ["tiny"]


def test_failed_write_leaves_the_old_bundle(copy):
    before = Bundle.load(copy).fingerprint
    broken = changed(copy, "encoder", with_value(np.nan))
    with pytest.raises(BundleError, match="NaN"):
        write_bundle(copy, networks={"encoder": broken}, **fields_of(copy))
    with pytest.raises(BundleError, match="interface.channel: is missing"):
        fields = fields_of(copy)
        del fields["interface"]["channel"]
        write_bundle(copy, networks={"encoder": (copy / "encoder.onnx").read_bytes()}, **fields)
    assert Bundle.load(copy).fingerprint == before
    assert [p.name for p in copy.parent.iterdir()] == ["tiny"]


def test_write_replaces_an_old_bundle(copy):
    content = (copy / "encoder.onnx").read_bytes()
    bundle = write_bundle(copy, networks={"encoder": content}, **fields_of(copy))
    assert sorted(p.name for p in copy.iterdir()) == ["encoder.onnx", "manifest.json"]
    assert [t.name for t in bundle.manifest.networks["encoder"].inputs] == ["image", "snr_db"]


@pytest.mark.parametrize("strange", ["thesis.tex", "notes/thesis.tex"])
def test_nothing_is_removed_that_is_no_bundle(copy, tmp_path, strange):
    fields, networks = fields_of(copy), {"encoder": (copy / "encoder.onnx").read_bytes()}
    folder = tmp_path / "own"
    for place in (folder, copy):  # also beside a bundle
        file = place / strange
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("years of work")
        with pytest.raises(BundleError, match=f"{place}: holds {strange.split('/')[0]}, no part of a bundle"):
            write_bundle(place, networks=networks, **fields)
        assert file.read_text() == "years of work"
    with pytest.raises(BundleError, match="is no folder, and stays as it is"):
        write_bundle(folder / strange, networks=networks, **fields)
    assert (folder / strange).read_text() == "years of work"


def test_what_a_link_leads_to_is_written_and_the_link_stays(copy, tmp_path):
    fields, networks = fields_of(copy), {"encoder": (copy / "encoder.onnx").read_bytes()}
    target, link = tmp_path / "target", tmp_path / "link"
    target.mkdir()  # empty folders may be taken
    link.symlink_to(target)
    write_bundle(link, networks=networks, **fields)
    assert link.is_symlink() and sorted(p.name for p in target.iterdir()) == ["encoder.onnx", "manifest.json"]


def test_interface_of_an_unknown_tensor_is_refused(copy):
    content = (copy / "encoder.onnx").read_bytes()
    with pytest.raises(BundleError, match="picture is not in the network"):
        write_bundle(
            copy,
            networks={"encoder": content},
            tensors={"encoder": {"inputs": [{"name": "picture"}]}},
            **fields_of(copy),
        )
