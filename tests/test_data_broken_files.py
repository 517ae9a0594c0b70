# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Broken files: each of the corpus is refused with one line that names file and field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import broken_files
import made_up_data
import numpy as np
import pytest

from semisac_ml.data import DataError, cdnet, deepsense6g, mfnet, virat


def read_frames(sequences: deepsense6g.FrameSequences) -> None:
    for index in range(len(sequences)):
        sequences.camera(index), sequences.lidar(index), sequences.radar(index)


def read_samples(samples) -> None:
    for index in range(len(samples)):
        samples[index]


# sample -> (how it is made: its folder, how all of it is read, its data set)
SAMPLES: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object], object]] = {
    "arrays": (made_up_data.deepsense_arrays, lambda root: deepsense6g.load(1, root), deepsense6g),
    "table": (
        lambda root: made_up_data.deepsense_scenario(root).parent,
        lambda root: read_frames(deepsense6g.load(31, root).frame_sequences()),
        deepsense6g,
    ),
    "challenge": (
        lambda root: made_up_data.deepsense_challenge(root).parents[1],
        lambda root: read_frames(deepsense6g.load_challenge("development", root)),
        deepsense6g,
    ),
    "virat": (
        made_up_data.virat,
        lambda root: [read_samples(virat.load_targets(clip, root)) for clip in virat.clips(root)],
        virat,
    ),
    "cdnet": (made_up_data.cdnet, lambda root: read_samples(cdnet.load_targets("highway", root)), cdnet),
    "mfnet": (
        made_up_data.mfnet,
        lambda root: [list(mfnet.load(split, root)) for split in mfnet.SPLITS],
        mfnet,
    ),
}


def make(sample: str, root: Path) -> tuple[Path, Callable[[Path], object], object]:
    if sample == "virat":
        pytest.importorskip("av", reason="videos need the package av")
    written, read, data_set = SAMPLES[sample]
    return written(root), read, data_set


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_samples_are_whole(sample, tmp_path):
    home, read, data_set = make(sample, tmp_path)
    read(tmp_path)
    assert data_set.verify(tmp_path) in (home, *home.parents)


@pytest.mark.parametrize("fault", broken_files.CORPUS, ids=str)
def test_a_broken_file_is_refused_by_name(fault, tmp_path):
    home, read, data_set = make(fault.sample, tmp_path)
    fault.make(home)
    for attempt in (read, data_set.verify):
        with pytest.raises(DataError) as refused:
            attempt(tmp_path)
        message = str(refused.value)
        named, _, rest = message.partition(": ")
        assert str(tmp_path) in named and Path(fault.file).name in named, message
        assert rest.startswith(fault.field), message
        assert ", expected " in message and "\n" not in message, message


def test_the_corpus_is_large_enough():
    kinds = {(fault.sample, fault.what) for fault in broken_files.CORPUS}
    assert len(kinds) == len(broken_files.CORPUS) >= 100


def files_of(sample: str, home: Path) -> list[Path]:
    """One file of each folder and ending: number 11 if there is one (all layouts use it), else the last."""
    kinds: dict[tuple[Path, str], Path] = {}
    for file in sorted(home.rglob("*")):
        if file.is_file() and not (sample == "mfnet" and file.suffix == ".txt"):  # half a list is a list
            used = kinds.setdefault((file.parent, file.suffix), file)
            kinds[file.parent, file.suffix] = used if used.stem.endswith("_11") else file
    return list(kinds.values())


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("damage", ["cut in half", "emptied", "noise", "taken away"])
def test_any_file_damaged(sample, damage, tmp_path):
    home, _, data_set = make(sample, tmp_path)
    noise = np.random.default_rng(5).bytes(5000)
    for file in files_of(sample, home):
        content = file.read_bytes()
        changed = {"cut in half": content[: len(content) // 2], "emptied": b"", "noise": noise}
        if damage == "taken away":
            file.unlink()
        else:
            file.write_bytes(changed[damage])
        with pytest.raises(DataError, match="(?s)^[^\n]*$"):
            data_set.verify(tmp_path)
        file.write_bytes(content)
    data_set.verify(tmp_path)


@pytest.mark.parametrize("name", ["deepsense6g", "virat", "cdnet", "mfnet"])
def test_the_program_says_it_in_one_line(name, tmp_path, capsys):
    from semisac_ml.cli import program

    assert program.run(["data", "verify", name, "--root", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "SEMISAC_DATA" in said and said.count("\n") == 1
