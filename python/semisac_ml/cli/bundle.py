# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac bundle verify|show|convert|import``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import Field

from semisac_ml.command_line import Options, new_commands
from semisac_ml.outputs import print_json
from semisac_ml.shared_options import PrintOptions

from .bundle_import import import_network

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from semisac_ml.runtime import Bundle, Metric
    from semisac_ml.runtime.manifest import NetworkFile

commands = new_commands("bundle", "Check and describe bundles of trained networks.")

BundleArgument = Annotated[str, Parameter(metavar="PATH|NAME", help="Folder of a bundle, or system/name.")]


class VerifyOptions(PrintOptions):
    """What runs the networks, and how the command says what it found."""

    provider: str = Field(
        "cpu",
        description="What runs the networks: **cpu**, **openvino**, **cuda** or **tensorrt**. Others are "
        "held against cpu.",
    )


@commands.command
def verify(bundle: BundleArgument, /, *, options: VerifyOptions = VerifyOptions()) -> None:
    """Run every check: manifest, hashes, weights, interfaces, and an inference with each network."""
    from semisac_ml.runtime import Bundle, BundleError

    try:
        checked = Bundle.verify(bundle, provider=options.provider)
    except BundleError as error:
        if options.as_json:
            print_json({"bundle": bundle, "valid": False, "error": str(error)})
        raise
    if options.as_json:
        found = {"valid": True, "provider": checked.provider, "networks": _networks(checked)}
        print_json({**_identity(checked), **found})
        return
    from rich.console import Console

    console = Console(highlight=False)
    for name, network in _networks(checked).items():
        for file in (network, network.get("int8")):
            if file:
                size, digest = f"{file['bytes']:,} bytes", file["sha256"][:12]
                console.print(f"[green]ok[/]  {name}: {file['file']}, {size}, sha256 {digest}…")
    where = f"{checked.name}, fingerprint {checked.fingerprint}, in {checked.path}"
    console.print(f"[green]ok[/]  {where}", soft_wrap=True)


@commands.command
def show(bundle: BundleArgument, /, *, options: PrintOptions = PrintOptions()) -> None:
    """Describe a bundle: networks, what they were trained for, and how well they do."""
    from semisac_ml.runtime import Bundle

    loaded = Bundle.load(bundle)
    if options.as_json:
        print_json({**_identity(loaded), "manifest": loaded.manifest.model_dump(mode="json")})
        return
    _print_tables(loaded)


class ConvertOptions(Options):
    """What becomes of the networks."""

    weight_bits: Literal["16", "8"] | None = Field(
        None,
        description="Store large weights in so many bits; arithmetic stays float32 [default: as they are].",
    )


@commands.command
def convert(bundle: BundleArgument, /, *, options: ConvertOptions = ConvertOptions()) -> None:
    """Bring the manifest of an older bundle into today's format, and with --weight-bits make it smaller."""
    from semisac_ml.runtime import Bundle, convert_bundle

    before = Bundle.load(bundle)
    size = _megabytes(before)
    if options.weight_bits is None:
        after, smaller = convert_bundle(before.path), ""
    else:
        from semisac_ml.training.stored_weights import convert_weights

        after, change = convert_weights(before.path, int(options.weight_bits))
        smaller = (
            f"; {size:.2f} MB, now {_megabytes(after):.2f} MB; outputs on made-up inputs change by "
            f"{100 * change:.2g} % at most: measure it again, figures in its manifest are those of before"
        )
    changed = after.fingerprint != before.fingerprint
    said = f"fingerprint {before.fingerprint}, now {after.fingerprint}" if changed else "is of today's format"
    print(f"{after.name}: {said}{smaller}")


commands.command(import_network, name="import")


def _identity(bundle: Bundle) -> dict[str, Any]:
    return {"bundle": bundle.name, "path": str(bundle.path), "fingerprint": bundle.fingerprint}


def _megabytes(bundle: Bundle) -> float:
    return sum(file.stat().st_size for file in bundle.path.iterdir()) / 1e6


def _networks(bundle: Bundle) -> dict[str, dict[str, Any]]:
    """Files of the networks, and where there is one of the same in int8 that too."""

    def told(file: NetworkFile) -> dict[str, Any]:
        return {
            "file": file.file,
            "bytes": (bundle.path / file.file).stat().st_size,
            "sha256": file.sha256,
        }

    found = {name: told(network) for name, network in bundle.manifest.networks.items()}
    for name, network in bundle.manifest.int8.networks.items() if bundle.manifest.int8 else ():
        found[name]["int8"] = told(network)
    return found


def _print_tables(bundle: Bundle) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    manifest = bundle.manifest
    console = Console(highlight=False)
    console.print(f"[bold]{bundle.name}[/]  fingerprint {bundle.fingerprint}  {manifest.licence}")
    console.print(manifest.description)

    conditions = Table(box=box.SIMPLE, show_header=False)
    training = manifest.training
    for name, text in (
        *manifest.interface.summary(),
        ("data", f"{manifest.data.name}, {manifest.data.split}"),
        (
            "training",
            f"{training.command} (seed {training.seed}, commit {training.commit[:12]}, {training.date})",
        ),
        ("folder", str(bundle.path)),
    ):
        conditions.add_row(name, text)
    console.print(conditions)

    networks = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("network", "", "tensor"):
        networks.add_column(column, no_wrap=True)
    networks.add_column("shape")
    networks.add_column("dtype, unit, range")
    for name, network in manifest.networks.items():
        rows = [("in", t) for t in network.inputs] + [("out", t) for t in network.outputs]
        for row, (direction, tensor) in enumerate(rows):
            span = f"{tensor.range[0]:g}…{tensor.range[1]:g}" if tensor.range else ""
            kind = ", ".join(part for part in (tensor.dtype, tensor.unit, span) if part)
            shape = " × ".join(map(str, tensor.shape))
            networks.add_row(name if row == 0 else "", direction, tensor.name, shape, kind)
    console.print(networks)

    if manifest.metrics:
        console.print(_metrics_table(manifest.metrics, console))
    if manifest.int8:
        stated = manifest.int8
        gains = ", ".join(f"{name} {gain:g} times as fast" for name, gain in stated.speedup.items())
        console.print(f"in int8: {gains} ({stated.machine}); calibrated on {stated.calibration}")
        console.print(_metrics_table(stated.metrics, console, stated.change))


def _metrics_table(
    metrics: dict[str, Metric], console: Console, change: dict[str, float] | None = None
) -> Table:
    """Figures with their conditions, which are printed once, above, where all share them.

    change: of each, from what it is in float32.
    """
    from rich import box
    from rich.table import Table

    conditions = [_conditions(metric) for metric in metrics.values()]
    shared = len(set(conditions)) == 1
    if shared and conditions[0]:
        console.print(f"Measured: {conditions[0]}")
    columns = ("metric", "value", *(() if change is None else ("change",)), "95 % interval", "n")
    table = Table(*columns, *(() if shared else ("conditions",)), box=box.SIMPLE)
    for (name, metric), text in zip(metrics.items(), conditions, strict=True):
        by = () if change is None else (f"{change[name]:+.2g}" if name in change else "",)
        cells = (f"{metric.value:.4g}", *by, f"{metric.low:.4g} … {metric.high:.4g}", f"{metric.n:,}")
        table.add_row(name, *cells, *(() if shared else (text,)))
    return table


def _conditions(metric: Metric) -> str:
    if isinstance(metric.conditions, dict):
        return ", ".join(f"{key} {value}" for key, value in metric.conditions.items())
    return metric.conditions
