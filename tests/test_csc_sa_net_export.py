# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles of CSC-SA-Net: the networks of a training, what is left out of them, and the whole protocol."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx", reason="export needs onnx")
pytest.importorskip("safetensors")

from csc_sa_testing import channels_of, link_of, pictures_of, tiny_model, tiny_settings  # noqa: E402

from semisac_ml.channels.mimo_ofdm import MimoPaths  # noqa: E402
from semisac_ml.cli.program import run as semisac  # noqa: E402
from semisac_ml.data.mfnet import drive_of  # noqa: E402
from semisac_ml.runtime import Bundle, FusionLink  # noqa: E402
from semisac_ml.signal.mimo_ofdm import drawn_paths  # noqa: E402
from semisac_ml.systems.csc_sa_net import export, stages  # noqa: E402
from semisac_ml.systems.csc_sa_net.bundled import BundledLink  # noqa: E402
from semisac_ml.systems.csc_sa_net.deployed import _Told  # noqa: E402
from semisac_ml.systems.csc_sa_net.export import export_bundle  # noqa: E402
from semisac_ml.systems.csc_sa_net.model import Link  # noqa: E402
from semisac_ml.systems.csc_sa_net.narrowed import narrowed  # noqa: E402
from semisac_ml.systems.csc_sa_net.samples import PictureOptions  # noqa: E402
from semisac_ml.systems.csc_sa_net.settings import CscSaSettings  # noqa: E402
from semisac_ml.systems.csc_sa_net.training import CscSaTraining  # noqa: E402

pytestmark = pytest.mark.slow
NO_NOISE_DB = 200.0
TOLD = {"command": "none", "licence": "GPL-3.0-or-later", "provenance": "none", "split": "none"}
KINDS = {
    "tuned": ("small", "printed", "tuned", "superposed"),
    "of the paper": ("paper", "printed", "csc-sa-net", "superposed"),
    "orthogonal": ("small", "printed", "csc-sa-net", "orthogonal"),
}


def exported(model, folder, monkeypatch, weight_bits=16) -> Bundle:
    """A bundle of an untrained model, told of SNRs up to one without noise."""
    monkeypatch.setattr(CscSaTraining, "snr_range_db", lambda self, stage: (-30.0, NO_NOISE_DB))
    return export_bundle(
        model, CscSaTraining(), folder / "csc_sa_net" / "tiny", weight_bits=weight_bits, **TOLD
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_protocol_in_numpy_is_that_of_training(kind, tmp_path, monkeypatch, request):
    """Over the same paths without noise: beams, feedback and classes of the bundle are those of PyTorch."""
    if kind != "of the paper":  # whose transformers, traced, take as many samples as there were
        request.getfixturevalue("traced")
    model = tiny_model(*KINDS[kind]).eval()
    part, sizes, count = pictures_of(6), model.settings, 6
    frame = {"pilots": 4, "feedback_bits": 256, "symbols": 3} if sizes.flexible else {}
    paths = MimoPaths.from_arrays(drawn_paths(sizes.cell, 5, 0, count))
    told = {"pilots": sizes.pilots, "feedback_bits": sizes.feedback_bits, "symbols": sizes.symbols} | frame
    link = Link(**told, snr_db=torch.full((count,), NO_NOISE_DB))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        beams = model.beams(paths, link, generator)
        inputs, _ = part.batch(torch.arange(count))
        scores = model(model.sources(inputs), paths, link, generator)
        usual = scores.mean(dim=(0, 2, 3))
        model.station_fusion.decoder.after[-1].bias -= usual  # no class wins everywhere
    classes = (scores - usual[:, None, None]).argmax(1).numpy()

    bundle = exported(model, tmp_path, monkeypatch)
    pictures = [one.permute(0, 2, 3, 1).numpy() for one in part.pictures]
    found = BundledLink(bundle).run(pictures, snr_db=NO_NOISE_DB, seed=5, **frame)
    np.testing.assert_allclose(found.precoder, beams.precoder.numpy(), atol=5e-3)  # maps are in 16 bits
    weights = 0.5 ** np.arange(1, sizes.preset.bits + 1)
    numbers = (2.0 * found.bits - 1.0) @ weights
    sent = told["feedback_bits"] // sizes.preset.bits
    same = np.isclose(numbers[..., :sent], beams.numbers.numpy()[..., :sent])
    assert same.mean() > 0.998  # of some the value is on the edge of a cell
    of_same = same.all(axis=(1, 2))
    assert of_same.any()
    np.testing.assert_allclose(found.combiner[of_same], beams.combiner.numpy()[of_same], atol=5e-3)
    assert (found.classes == classes)[of_same].mean() > 0.99
    assert len(np.unique(classes)) > 3


def test_what_networks_are_told_is_what_they_are_trained_with():
    model = tiny_model(*KINDS["tuned"])
    paths, link = channels_of(model, 5), dataclasses.replace(link_of(model, 5), pilots=2, symbols=3)
    users, station = model.conditions(paths, link)
    shifts = paths.doppler_hz.abs().amax(-1)
    for found, doppler_hz in ((users[:, 1], shifts[:, 1]), (station, shifts.amax(1))):
        columns = (link.snr_db, *(torch.full((5,), float(n)) for n in (2, link.feedback_bits, 3)), doppler_hz)
        assert len(columns) == len(FusionLink.LINK)
        torch.testing.assert_close(_Told(model.settings).conditions(torch.stack(columns, 1), found), found)


def test_fewer_bits_of_feedback_change_nothing_but_the_size():
    model = tiny_model(*KINDS["tuned"]).eval()
    paths = channels_of(model, 4)
    link = dataclasses.replace(link_of(model, 4), feedback_bits=64)
    small = narrowed(model, 64)
    found, wanted = (one.beams(paths, link, torch.Generator().manual_seed(1)) for one in (small, model))
    torch.testing.assert_close(found.numbers, wanted.numbers[..., :32])
    torch.testing.assert_close(found.combiner, wanted.combiner)
    assert not wanted.numbers[..., 32:].any()
    for bits, expected in ((2048, "1 to 1024"), (4, "enough for the code")):
        with pytest.raises(ValueError, match=f"feedback_bits is {bits}, expected {expected}"):
            narrowed(model, bits)
    with pytest.raises(ValueError, match="feedback_bits is 64, expected 1024 of this network"):
        narrowed(tiny_model(*KINDS["of the paper"]), 64)


def test_pilots_without_noise_are_refused(tmp_path):
    settings = CscSaTraining(preset="notebook")
    with pytest.raises(ValueError, match="preset is 'notebook', expected printed"):
        export_bundle(tiny_model("small", "notebook"), settings, tmp_path / "csc_sa_net" / "tiny", **TOLD)


@pytest.mark.usefixtures("traced")
def test_the_commands(tmp_path, monkeypatch):
    monkeypatch.setattr(CscSaSettings, "named", staticmethod(tiny_settings))
    monkeypatch.setattr(stages, "DRAWS", 16)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run, folder = tmp_path / "run", tmp_path / "csc_sa_net" / "tiny"
    few = ["--semantic-epochs", "1", "--beam-epochs", "1", "--beam-steps", "2", "--joint-epochs", "1"]
    told = ["--variant", "tuned", "--batch", "2", "--beam-batch", "2", *few]
    assert semisac(["train", "csc_sa_net", "--data", "sample", "--run", str(run), *told]) == 0
    how = ["--output", str(folder), "--feedback-bits", "128"]
    assert semisac(["export", "csc_sa_net", "--run", str(run), *how]) == 0
    bundle = Bundle.verify(folder)
    stated, link = bundle.manifest, bundle.interface(FusionLink)
    assert stated.licence == "GPL-3.0-or-later" and stated.data.name.startswith("sample: made up")
    assert (
        stated.data.split == "5 scenes for train, 2 scenes for validation, 2 scenes for test; no drive in two"
    )
    command = stated.training.command
    assert command.startswith("semisac train csc_sa_net --variant tuned --semantic-epochs 1")
    assert command.endswith(" --data sample")
    assert (link.frame.feedback_bits, link.frame.flexible, link.access) == (128, True, "superposed")
    assert link.snr_db == [-30.0, -5.0] and [user.modality for user in link.users] == ["colour", "thermal"]
    assert set(stated.metrics) == {
        f"mean_iou_at_{snr_db}_db_{symbols}_symbols" for snr_db in range(-25, 0, 5) for symbols in (1, 5)
    }
    metric = stated.metrics["mean_iou_at_-15_db_5_symbols"]
    assert 0.0 <= metric.value <= 1.0 and metric.conditions["feedback_bits"] == 128
    assert metric.n == 1  # one drive


def test_drives():
    assert [drive_of(name) for name in ("0001002N", "0001002N_flip", "00001D")] == ["0001", "0001", "00001D"]


def test_a_bundle_says_how_to_train_it_again_without_folders_of_this_machine():
    settings = CscSaTraining(variant="tuned colour", encoders=Path("/here/runs"), frozen=False, seed=2)
    said = export.training_command(settings, PictureOptions(data=Path("/here/street")))
    assert said.startswith("semisac train csc_sa_net --variant 'tuned colour' --no-frozen ")
    assert said.endswith(" --encoders FOLDER --seed 2 --data FOLDER")
