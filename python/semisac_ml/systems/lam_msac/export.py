# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export of the mixture of experts as a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from semisac_ml.beams.bundles import export_trained
from semisac_ml.beams.training import BeamEnsemble
from semisac_ml.systems.lam_msac.model import MixtureBeamModel, MixtureSettings

DESCRIPTION = "Beams from power and position, any of which may be absent: mixture of cross-attention experts"


def ensemble(sites: int, members: int, variant: str) -> BeamEnsemble:
    """Networks of the shape that was trained, their weights to be loaded."""
    settings = MixtureSettings(sites=sites, mixed=variant != "single")
    return BeamEnsemble([MixtureBeamModel(settings) for _ in range(members)])


def command(
    run: Annotated[Path, typer.Option(help="Folder of a training (semisac train lam_msac --run).")],
    output: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("models/lam_msac/deepsense"),
) -> None:
    """Export trained networks as a bundle and measure it on the drives that were held out."""
    bundle = export_trained(run, ensemble, output, DESCRIPTION)
    size = sum(file.stat().st_size for file in output.iterdir()) / 1e6
    Console().print(f"{output}: {bundle.name} {bundle.fingerprint}, {size:.1f} MB")
