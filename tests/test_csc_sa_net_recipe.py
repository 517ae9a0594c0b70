# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""CSC-SA-Net's recipe: what the page says is what `semisac reproduce` runs, and all of it can be run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from semisac_ml.systems.csc_sa_net.reproduction import RECIPE, STREETS, TRAININGS

PAGE = Path(__file__).parents[1] / "docs" / "csc_sa_net.md"


@pytest.mark.skipif(shutil.which("bash") is None, reason="the page's commands are of bash")
def test_the_page_has_the_commands_of_the_reproduction():
    """The page's block, run with a program that only says how it was called."""
    block = next(one for one in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S) if "train()" in one)
    told = "SEED=1; semisac() { printf '%s\\n' semisac \"$@\" --end--; }\n"
    done = subprocess.run(["bash", "-c", told + block], capture_output=True, text=True, check=True)
    found = [one.strip().splitlines() for one in done.stdout.split("--end--\n") if one]
    wanted = [how for _, how in STREETS] + [one for one in TRAININGS if " --seed 1 " in one]
    assert [sorted(one) for one in found] == [sorted(shlex.split(one)) for one in wanted]
    assert not done.stderr


def test_every_variant_has_a_training_that_can_be_made():
    pytest.importorskip("torch")
    from semisac_ml.systems.csc_sa_net.settings import VARIANTS
    from semisac_ml.systems.csc_sa_net.training import CscSaTraining

    made = {}
    for name, options in RECIPE.items():
        words = shlex.split(options.replace("{seed}", "0"))
        words.remove("--from-scratch") if "--from-scratch" in words else None
        pairs = zip(words[::2], words[1::2], strict=True)
        made[name] = CscSaTraining(**{option[2:]: value for option, value in pairs})
    assert {one.variant for one in made.values()} == set(VARIANTS)
    assert {one.preset for one in made.values()} == {"printed", "notebook"}
    names = list(made)
    for name, one in made.items():  # what is borrowed was made before, of networks of the same form
        for folder in filter(None, (one.encoders, one.beams)):
            lender = made[folder.name.removesuffix("-0")]
            assert names.index(folder.name.removesuffix("-0")) < names.index(name)
            assert lender.preset == one.preset
        if one.beams is not None:
            own, other = one.network(), made[one.beams.name.removesuffix("-0")].network()
            assert (own.tuned, own.acquires, own.mapped) == (other.tuned, other.acquires, other.mapped)
