# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles: a folder with a manifest and one ONNX file a network, checked before the first inference."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from semisac_ml.outputs import write_output

from . import onnx_file
from .interfaces import Interface
from .manifest import (
    FORMAT_VERSION,
    MANIFEST_FILE,
    BundleError,
    Manifest,
    Network,
    Tensor,
    check_manifest,
    read_manifest,
)
from .providers import check_installed, check_place
from .session import Session, onnx_tensors

LOWEST_OPSET = 7  # ONNX Runtime guarantees nothing below
Kind = TypeVar("Kind", bound=Interface)
_NAME = re.compile(r"[a-z][a-z0-9_]*/[a-z0-9][a-z0-9_-]*")


def model_folders() -> list[Path]:
    """Folders that are searched for "<system>/<name>", first match wins.

    The folders of the environment variable SEMISAC_MODELS (separated as in PATH), models/ of the source tree
    that this package is imported from (so that a bundle exported there takes effect at once), and
    share/semisac/models of the Python environment.
    """
    folders = [
        Path(entry).expanduser() for entry in os.environ.get("SEMISAC_MODELS", "").split(os.pathsep) if entry
    ]
    package = Path(__file__).resolve().parents[1]
    if package.parent.name == "python":
        folders.append(package.parents[1] / "models")
    folders.append(Path(sys.prefix) / "share" / "semisac" / "models")
    return folders


def list_bundles() -> list[str]:
    """Names "<system>/<name>" of the bundles found, sorted; only checked to have a manifest."""
    found = set()
    for folder in model_folders():
        for manifest in folder.glob(f"*/*/{MANIFEST_FILE}"):
            name = f"{manifest.parent.parent.name}/{manifest.parent.name}"
            if _NAME.fullmatch(name):
                found.add(name)
    return sorted(found)


def find_bundle(path_or_name: str | os.PathLike[str]) -> Path:
    """Folder of a bundle given by its path or as "<system>/<name>". Raises BundleError."""
    path = Path(path_or_name).expanduser()
    if (path / MANIFEST_FILE).exists():
        return path
    text = os.fspath(path_or_name)
    if _NAME.fullmatch(text):
        for folder in model_folders():
            if (folder / text / MANIFEST_FILE).exists():
                return folder / text
    if path.is_dir():
        raise BundleError(f"{path}: {MANIFEST_FILE} is missing, expected a bundle's folder")
    names = list_bundles()
    known = (
        f"bundles found: {', '.join(names)}"
        if names
        else "no bundle found; set SEMISAC_MODELS to their folder"
    )
    raise BundleError(f"bundle {text!r} not found, expected a bundle's folder or <system>/<name>; {known}")


class Bundle:
    """A checked bundle. Make one with :meth:`load`.

    Attributes
    ----------
    manifest : Manifest
    path : Path
    name : str
        "<system>/<name>".
    fingerprint : str
        First 12 hexadecimal digits of the sha256 of manifest.json, which itself holds the sha256 of every
        network.
    provider, threads
        Where its networks run, and with how many threads, where nothing else is said.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        fingerprint: str,
        contents: dict[str, bytes],
        provider: str = "cpu",
        threads: int = 1,
    ) -> None:
        check_place(provider, threads)
        self.path = path
        self.manifest = manifest
        self.name = f"{manifest.system}/{manifest.name}"
        self.fingerprint = fingerprint
        self.provider, self.threads = provider, int(threads)
        self._contents = contents
        self._sessions: dict[tuple[str, int, str], Session] = {}

    @classmethod
    def load(
        cls, path_or_name: str | os.PathLike[str] | Bundle, *, provider: str = "cpu", threads: int = 1
    ) -> Bundle:
        """Read a bundle and check manifest, files, hashes, weights, interfaces, and one inference a network.

        Parameters
        ----------
        path_or_name : path, str or Bundle
            Folder of the bundle, or "<system>/<name>" (see :func:`model_folders`). A Bundle is returned as it
            is.
        provider : "cpu", "openvino", "cuda" or "tensorrt"
            Where its networks run. On others than the CPU each is opened, and tried, when it is asked for: a
            provider may not run all of them.
        threads : int
            Threads of one inference. 1 inside flowgraphs: more fight the scheduler.

        Raises
        ------
        BundleError
            One line that names file and field.
        """
        if isinstance(path_or_name, Bundle):
            return path_or_name
        path = find_bundle(path_or_name)
        manifest, content = read_manifest(path)
        contents = {key: _network_content(path, key, network) for key, network in manifest.networks.items()}
        fingerprint = hashlib.sha256(content).hexdigest()[:12]
        bundle = cls(path, manifest, fingerprint, contents, provider, threads)
        if provider == "cpu":
            for key in manifest.networks:
                bundle.session(key)
        else:
            check_installed(provider, bundle.name)
        return bundle

    @classmethod
    def verify(cls, path_or_name: str | os.PathLike[str], *, provider: str = "cpu") -> Bundle:
        """All checks of :meth:`load`, a batch of one, and that folder and name agree.

        provider: what runs the networks.

        Raises
        ------
        BundleError
            One line that names file and field.
        """
        bundle = cls.load(path_or_name, provider=provider)
        for key in bundle.manifest.networks:
            bundle.session(key).probe(bundle.probe_axes(batch=1))
        if _NAME.fullmatch(os.fspath(path_or_name)) and bundle.name != os.fspath(path_or_name):
            raise BundleError(
                f"{bundle.path / MANIFEST_FILE}: system and name: are {bundle.name}, "
                f"expected {path_or_name}: rename the folder"
            )
        return bundle

    def interface(self, kind: type[Kind]) -> Kind:
        """What the bundle's system says of it, where that is of this kind.

        kind: such as :class:`ImageLink`. Raises BundleError, which names bundles that would do, for others.
        """
        stated = self.manifest.interface
        if isinstance(stated, kind):
            return stated
        others = _bundles_of(kind)
        advice = (
            f"choose one that does, such as {', '.join(others[:3])}"
            if others
            else "none is found; set SEMISAC_MODELS to their folder"
        )
        raise BundleError(f"bundle {self.name} {stated.does}, expected one that {kind.does}: {advice}")

    def has(self, network: str) -> bool:
        """Whether the bundle holds a network of this name."""
        return network in self.manifest.networks

    def placed(self, provider: str | None = None, threads: int | None = None) -> Bundle:
        """The same bundle with its networks elsewhere; None: as here. Raises ValueError."""
        place = self._place(provider, threads)
        if place == (self.provider, self.threads):
            return self
        return Bundle(self.path, self.manifest, self.fingerprint, self._contents, *place)

    def session(self, network: str, *, threads: int | None = None, provider: str | None = None) -> Session:
        """Warm session of a network, shared by all who ask for the same one.

        threads, provider: None: the bundle's.

        Raises
        ------
        BundleError
            If the bundle holds no such network, or the provider cannot run it.
        """
        if not self.has(network):
            raise BundleError(
                f"{self.path / MANIFEST_FILE}: networks.{network}: is missing, this bundle holds "
                f"{', '.join(self.manifest.networks)}: choose another bundle"
            )
        provider, threads = self._place(provider, threads)
        key = (network, threads, provider)
        if key not in self._sessions:
            stated = self.manifest.networks[network]
            session = Session(
                self._contents[network],
                stated.inputs,
                stated.outputs,
                name=f"{self.path / stated.file}: networks.{network}",
                threads=threads,
                provider=provider,
            )
            session.probe(self.probe_axes())
            self._sessions[key] = session
        return self._sessions[key]

    def _place(self, provider: str | None, threads: int | None) -> tuple[str, int]:
        return self.provider if provider is None else provider, self.threads if threads is None else threads

    def probe_axes(self, batch: int = 2) -> dict[str, int]:
        """Length of each named axis in made-up inputs (`Session.probe`): two, where nothing else is said."""
        networks = self.manifest.networks.values()
        tensors = [tensor for network in networks for tensor in (*network.inputs, *network.outputs)]
        names = {axis for tensor in tensors for axis in tensor.shape if isinstance(axis, str)}
        return dict.fromkeys(names, 2) | self.manifest.interface.axis_lengths() | {"batch": batch}


def _bundles_of(kind: type[Interface]) -> list[str]:
    """Names of the bundles found whose interface is of a kind."""
    found = []
    for name in list_bundles():
        with contextlib.suppress(BundleError):
            if isinstance(read_manifest(find_bundle(name))[0].interface, kind):
                found.append(name)
    return found


def _network_content(folder: Path, key: str, network: Network) -> bytes:
    path = folder / network.file
    field = f"{path}: networks.{key}"
    if path.is_symlink():
        raise BundleError(f"{field}.file: is a link, expected a file inside the folder: copy it instead")
    if not path.is_file():
        raise BundleError(f"{field}.file: is missing: get the bundle again or export it again")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{field}.file: cannot be read ({error.strerror})") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != network.sha256:
        raise BundleError(
            f"{field}.sha256: is {digest[:12]}… in the file, expected {network.sha256[:12]}…: "
            "the file was changed or cut off, get the bundle again"
        )
    _inspect(content, field)
    return content


def _inspect(content: bytes, field: str) -> None:
    try:
        found = onnx_file.inspect(content)
    except onnx_file.OnnxFormatError as error:
        raise BundleError(f"{field}: {error}") from error
    if 0 < found.opset < LOWEST_OPSET:
        raise BundleError(
            f"{field}: opset is {found.opset}, expected at least {LOWEST_OPSET}: export the network again"
        )


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
    return {MANIFEST_FILE, *(network.file for network in manifest.networks.values())}


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
            _inspect(content, f"{path}: networks.{key}")
            described[key] = _describe(key, content, stated.get(key, {}), path)
            (working / f"{key}.onnx").write_bytes(content)
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
