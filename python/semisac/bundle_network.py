# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the learned blocks share: open one network of a bundle, and move complex symbols in and out of it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from semisac_ml.runtime import AnyNetwork, Bundle, BundleError, Session, SymbolLink, open_onnx
from semisac_ml.runtime.precisions import check_precision
from semisac_ml.runtime.session import check_left_out

_opened: WeakValueDictionary[tuple[str, str, int, str], Bundle] = WeakValueDictionary()


def open_bundle(
    bundle: Bundle | str | Path,
    provider: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
) -> Bundle:
    """Bundle of a folder, of "<system>/<name>" of one that ships, or the one given; raises BundleError.

    Blocks that name the same bundle share it while one of them lives: it is read and checked once.

    provider, threads, precision: where its networks run and what they are computed in; None: as the bundle
    given, else cpu, one and auto: int8 where the bundle holds it and the processor is fast in it.
    """
    if isinstance(bundle, Bundle):
        return bundle.placed(provider, threads, precision)
    place = _place(provider, threads) | {"precision": "auto" if precision is None else precision}
    key = (str(bundle), *place.values())
    opened = _opened.get(key)
    if opened is None:
        opened = _opened[key] = Bundle.load(bundle, **place)
    return opened


def _place(provider: str | None, threads: int | None) -> dict[str, Any]:
    return {"provider": "cpu" if provider is None else provider, "threads": 1 if threads is None else threads}


def open_network(bundle: Bundle, network: str, inputs: tuple[str, ...], output: str) -> Session:
    """Session of one network, checked to be usable by a block that offers `inputs` and needs `output`.

    Raises
    ------
    BundleError
        The bundle holds no such network, or the network asks for an input that the block cannot give, or it
        lacks the output.
    """
    if not bundle.has(network):
        raise BundleError(
            f"bundle {bundle.name} holds no network {network!r}, it has "
            f"{', '.join(bundle.manifest.networks)}: choose another bundle, or a block that needs only those"
        )
    session = bundle.session(network)
    strange = sorted(session.inputs.keys() - set(inputs))
    if strange:
        raise BundleError(
            f"bundle {bundle.name}: network {network!r} asks for {', '.join(strange)}, the block gives "
            f"{', '.join(inputs)}: export the network with these inputs"
        )
    if output not in session.outputs:
        raise BundleError(
            f"bundle {bundle.name}: network {network!r} has no output {output!r}: export it again"
        )
    return session


def open_model(
    model: Bundle | str | Path,
    network: str = "",
    without: Collection[str] = (),
    provider: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
) -> tuple[Session, list[str], Bundle | None]:
    """Session of an ONNX file or of a network of a bundle, names of complex tensors, and the bundle.

    network: of a bundle that has several. without: outputs that are not wanted; of a file they are not even
    computed. provider, threads, precision: as of `open_bundle`; a file is computed as it is.

    Raises
    ------
    BundleError
        There is no such model or network, or it cannot be run.
    """
    if not isinstance(model, Bundle) and (str(model).endswith(".onnx") or Path(model).expanduser().is_file()):
        if network:
            raise BundleError(
                f"{model}: network is {network!r}, but an ONNX file is one network: leave it empty"
            )
        check_precision("auto" if precision is None else precision)
        if precision == "int8":
            raise BundleError(
                f"{model}: precision is int8, but an ONNX file is computed as it is: choose auto or float32"
            )
        return open_onnx(model, without=without, **_place(provider, threads)), [], None
    bundle = open_bundle(model, provider, threads, precision)
    names = list(bundle.manifest.networks)
    if not network and len(names) > 1:
        raise BundleError(f"bundle {bundle.name} has the networks {', '.join(names)}: say which, network=...")
    session = bundle.session(network or names[0])
    check_left_out(session.outputs, without, session.name)
    stated = bundle.manifest.interface
    return session, stated.complex_tensors if isinstance(stated, AnyNetwork) else [], bundle


def channel_uses(bundle: Bundle) -> int:
    """Complex channel uses of a frame."""
    return int(bundle.interface(SymbolLink).symbols.channel_uses)


def check_batch(batch: int) -> int:
    """`batch` as an int; raises ValueError below 1."""
    if int(batch) < 1:
        raise ValueError(f"batch is {batch}, expected 1 or more items for one inference")
    return int(batch)


def check_snr(name: str, snr_db: float) -> float:
    """`snr_db` as a float; raises ValueError when it is not a finite number."""
    if not np.isfinite(snr_db):
        raise ValueError(f"{name} is {snr_db}, expected a finite number of dB")
    return float(snr_db)
