# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles: a folder with a manifest and one ONNX file a network, checked before the first inference."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import TypeVar

from . import onnx_file
from .interfaces import Interface
from .manifest import (
    MANIFEST_FILE,
    BundleError,
    Manifest,
    NetworkFile,
    read_manifest,
)
from .precisions import check_precision, int8_is_fast
from .providers import check_installed, check_place
from .session import Session

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
    provider, threads, precision
        Where its networks run, with how many threads, and in which precision, where nothing else is said.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        fingerprint: str,
        contents: dict[tuple[str, str], bytes],
        provider: str = "cpu",
        threads: int = 1,
        precision: str = "float32",
    ) -> None:
        check_place(provider, threads)
        check_precision(precision)
        self.path = path
        self.manifest = manifest
        self.name = f"{manifest.system}/{manifest.name}"
        self.fingerprint = fingerprint
        self.provider, self.threads, self.precision = provider, int(threads), precision
        self._contents = contents
        self._sessions: dict[tuple[str, int, str, str], Session] = {}
        if precision == "int8" and manifest.int8 is None:
            raise BundleError(
                f"bundle {self.name} holds no network in int8: choose float32 or auto, or make them "
                "(semisac export --precision int8)"
            )
        if precision == "int8" and provider != "cpu":
            raise BundleError(
                f"bundle {self.name}: int8 runs on provider cpu, not on {provider}: choose one of them"
            )

    @classmethod
    def load(
        cls,
        path_or_name: str | os.PathLike[str] | Bundle,
        *,
        provider: str = "cpu",
        threads: int = 1,
        precision: str = "float32",
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
        precision : "auto", "float32" or "int8"
            auto: int8 for networks that the bundle holds in it too, where a CPU that is fast in it runs them.
            What is found then hangs on the machine: blocks and programs take it, evaluations do not.

        Raises
        ------
        BundleError
            One line that names file and field.
        """
        if isinstance(path_or_name, Bundle):
            return path_or_name
        path = find_bundle(path_or_name)
        manifest, content = read_manifest(path)
        contents = {
            (key, "float32"): _network_content(path, key, one) for key, one in manifest.networks.items()
        }
        for key, network in manifest.int8.networks.items() if manifest.int8 else ():
            contents[key, "int8"] = _network_content(path, key, network)
        fingerprint = hashlib.sha256(content).hexdigest()[:12]
        bundle = cls(path, manifest, fingerprint, contents, provider, threads, precision)
        if provider == "cpu":
            for key in manifest.networks:
                bundle.session(key)
        else:
            check_installed(provider, bundle.name)
        return bundle

    @classmethod
    def verify(cls, path_or_name: str | os.PathLike[str], *, provider: str = "cpu") -> Bundle:
        """All checks of :meth:`load`, a batch of one, all precisions, and that folder and name agree.

        provider: what runs the networks.

        Raises
        ------
        BundleError
            One line that names file and field.
        """
        bundle = cls.load(path_or_name, provider=provider)
        every = [(bundle, key) for key in bundle.manifest.networks]
        if provider == "cpu":
            every = [(bundle.placed(precision=precision), key) for key, precision in bundle._contents]
        for one, key in every:
            one.session(key).probe(one.probe_axes(batch=1))
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

    def content(self, network: str) -> bytes:
        """ONNX file of a network in float32."""
        return self._contents[network, "float32"]

    def precision_of(self, network: str, provider: str | None = None) -> str:
        """In which precision a network of the bundle runs: float32 or int8."""
        if (network, "int8") not in self._contents or (provider or self.provider) != "cpu":
            return "float32"
        wanted = self.precision == "int8" or (self.precision == "auto" and int8_is_fast())
        return "int8" if wanted else "float32"

    def placed(
        self, provider: str | None = None, threads: int | None = None, precision: str | None = None
    ) -> Bundle:
        """The same bundle with its networks elsewhere; None: as here. Raises ValueError."""
        place = (*self._place(provider, threads), self.precision if precision is None else precision)
        if place == (self.provider, self.threads, self.precision):
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
        precision = self.precision_of(network, provider)
        key = (network, threads, provider, precision)
        if key not in self._sessions:
            stated = self.manifest.networks[network]
            file = self.manifest.int8.networks[network].file if precision == "int8" else stated.file
            session = Session(
                self._contents[network, precision],
                stated.inputs,
                stated.outputs,
                name=f"{self.path / file}: networks.{network}",
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


def _network_content(folder: Path, key: str, network: NetworkFile) -> bytes:
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
    inspect_network(content, field)
    return content


def inspect_network(content: bytes, field: str) -> None:
    try:
        found = onnx_file.inspect(content)
    except onnx_file.OnnxFormatError as error:
        raise BundleError(f"{field}: {error}") from error
    if 0 < found.opset < LOWEST_OPSET:
        raise BundleError(
            f"{field}: opset is {found.opset}, expected at least {LOWEST_OPSET}: export the network again"
        )
