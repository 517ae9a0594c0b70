# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles written: whole or not at all, and never in place of anything that is none."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semisac_ml.outputs import write_output

from .bundle import Bundle, inspect_network
from .manifest import (
    FORMAT_VERSION,
    MANIFEST_FILE,
    BundleError,
    Tensor,
    check_manifest,
    read_manifest,
)
from .session import onnx_tensors


def check_replaceable(path: str | os.PathLike[str]) -> None:
    """Raise BundleError unless a bundle may be written there: nothing, an empty folder or a bundle is."""
    path = Path(os.path.realpath(path))
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise BundleError(f"{path}: is no folder, and stays as it is: name another for the bundle")
    strange = sorted(set(os.listdir(path)) - _own_files(path))
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise BundleError(
            f"{path}: holds {strange[0]}{more}, no part of a bundle, and stays as it is: name another folder"
        )


def _own_files(folder: Path) -> set[str]:
    """Names of the files in a folder that the bundle in it consists of; none if there is no bundle."""
    try:
        manifest, _ = read_manifest(folder)
    except BundleError:
        return set()
    return {MANIFEST_FILE, *manifest.files()}


def _remove_bundle(folder: Path) -> None:
    """Remove a bundle's own files and the folder, which stays if anything else has come into it."""
    for name in _own_files(folder):
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def write_bundle(
    path: str | os.PathLike[str],
    *,
    networks: Mapping[str, bytes],
    tensors: Mapping[str, Mapping[str, Any]] | None = None,
    int8: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Bundle:
    """Write a bundle: first to a temporary folder beside it, checked there, then renamed.

    Parameters
    ----------
    path : path
        Folder to make. One that is there already must be empty or a bundle and nothing else; it is replaced
        once the new one has passed all checks.
    networks : mapping
        ONNX file content of each network, by network name; the file is <name>.onnx.
    tensors : mapping, optional
        By network name: {"inputs": [...], "outputs": [...]}, each entry a :class:`Tensor` or its fields. An
        entry may leave out shape and dtype, and a network may be left out: both are then read from the ONNX
        file.
    int8 : mapping, optional
        Fields of :class:`~semisac_ml.runtime.manifest.Quantised`, with the ONNX file content of each network
        in the place of its file, which is <name>.int8.onnx.
    **fields
        All other fields of the manifest: system, name, description, licence, interface (as the system's own
        module ``manifest`` describes it), data, training, metrics. (format_version, file and sha256 are
        filled in.)

    Returns
    -------
    Bundle
        The bundle as loaded from its final folder.

    Raises
    ------
    BundleError
        If what was to be written is not a valid bundle, or what is there is none; nothing is changed then.
    """
    path = Path(os.path.realpath(path))
    check_replaceable(path)
    stated = tensors or {}
    unknown = sorted(stated.keys() - networks.keys())
    if unknown:
        raise BundleError(
            f"{path}: tensors.{unknown[0]}: has no network, expected one of {', '.join(networks)}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    working = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        described = {}
        for key, content in networks.items():
            inspect_network(content, f"{path}: networks.{key}")
            described[key] = _describe(key, content, stated.get(key, {}), path)
            (working / f"{key}.onnx").write_bytes(content)
        if int8 is not None:
            fields["int8"] = {**int8, "networks": _write_int8(int8["networks"], working, path)}
        manifest = check_manifest(
            {"format_version": FORMAT_VERSION, **fields, "networks": described}, path / MANIFEST_FILE
        )
        (working / MANIFEST_FILE).write_text(manifest.as_json(), encoding="utf-8")
        Bundle.verify(working)
        working.chmod(0o755)
        if path.exists():
            replaced = Path(tempfile.mkdtemp(prefix=f".{path.name}-replaced-", dir=path.parent))
            path.rename(replaced / path.name)
            working.rename(path)
            _remove_bundle(replaced / path.name)
            replaced.rmdir()
        else:
            working.rename(path)
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return Bundle.load(path)


def _write_int8(networks: Mapping[str, bytes], folder: Path, path: Path) -> dict[str, dict[str, str]]:
    """Write the files of networks in int8; their fields in the manifest. path: of the bundle, in errors."""
    described = {}
    for key, content in networks.items():
        inspect_network(content, f"{path}: int8.networks.{key}")
        file = f"{key}.int8.onnx"
        (folder / file).write_bytes(content)
        described[key] = {"file": file, "sha256": hashlib.sha256(content).hexdigest()}
    return described


def as_written(bundle: Bundle) -> dict[str, Any]:
    """What `write_bundle` is told to write a bundle again, in float32 alone."""
    fields = json.loads(bundle.manifest.as_json())
    for name in ("format_version", "networks", "int8"):
        fields.pop(name, None)
    stated = bundle.manifest.networks
    files = {name: bundle.content(name) for name in stated}
    tensors = {name: {"inputs": one.inputs, "outputs": one.outputs} for name, one in stated.items()}
    return {"networks": files, "tensors": tensors, **fields}


def convert_bundle(path_or_name: str | os.PathLike[str]) -> Bundle:
    """Write the manifest of a bundle of an older format anew, in today's; networks stay as they are.

    Its fingerprint changes with the manifest. Nothing is changed where it is of today's format.

    Raises
    ------
    BundleError
        If there is no valid bundle; nothing is changed then.
    """
    bundle = Bundle.verify(path_or_name)
    file = bundle.path / MANIFEST_FILE
    if json.loads(file.read_bytes())["format_version"] == FORMAT_VERSION:
        return bundle
    text = bundle.manifest.as_json()
    check_manifest(json.loads(text), file)
    write_output(file, text)
    return Bundle.load(bundle.path)


def _describe(key: str, content: bytes, stated: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Manifest fields of one network: what the caller states, completed from the ONNX file itself."""
    described: dict[str, Any] = {"file": f"{key}.onnx", "sha256": hashlib.sha256(content).hexdigest()}
    for kind, own in zip(
        ("inputs", "outputs"), onnx_tensors(content, f"{path}: networks.{key}"), strict=True
    ):
        given = [t.model_dump() if isinstance(t, Tensor) else dict(t) for t in stated.get(kind, [])]
        by_name = {tensor.get("name"): tensor for tensor in given}
        surplus = [str(name) for name in by_name if name not in {tensor.name for tensor in own}]
        if surplus:
            raise BundleError(
                f"{path}: networks.{key}.{kind}: {surplus[0]} is not in the network, which has "
                f"{', '.join(tensor.name for tensor in own)}"
            )
        described[kind] = [{**tensor.model_dump(), **by_name.get(tensor.name, {})} for tensor in own]
    return described
