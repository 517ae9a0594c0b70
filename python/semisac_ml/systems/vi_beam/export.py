# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export of the variational beam prediction as a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from semisac_ml.beams.baselines import Perceptron
from semisac_ml.beams.bundles import export_trained
from semisac_ml.beams.training import BeamEnsemble
from semisac_ml.systems.vi_beam.model import VariationalBeamModel, VariationalSettings
from semisac_ml.systems.vi_beam.train import is_variational

DESCRIPTION = (
    "Beams from power and position, any of which may be absent: variational experts, recurrent state"
)


def ensemble(sites: int, members: int, variant: str) -> BeamEnsemble:
    """Networks of the shape that was trained, their weights to be loaded."""
    return BeamEnsemble(
        [
            VariationalBeamModel(VariationalSettings(sites=sites))
            if is_variational(variant, place)
            else Perceptron(sites)
            for place in range(members)
        ]
    )


def command(
    run: Annotated[Path, typer.Option(help="Folder of a training (semisac train vi_beam --run).")],
    output: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("models/vi_beam/deepsense"),
) -> None:
    """Export trained networks as a bundle and measure it on the drives that were held out."""
    bundle = export_trained(run, ensemble, output, DESCRIPTION)
    size = sum(file.stat().st_size for file in output.iterdir()) / 1e6
    Console().print(f"{output}: {bundle.name} {bundle.fingerprint}, {size:.1f} MB")
