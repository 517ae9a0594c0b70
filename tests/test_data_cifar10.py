# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""CIFAR-10: the real set where it is found, the shipped sample always, and refusal of what is not the set."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest

from semisac_ml.data import DataError, cifar10, folders


@pytest.fixture(scope="module")
def root() -> Path:
    """Folder of the real set."""
    try:
        return cifar10.find_root()
    except DataError as error:
        pytest.skip(str(error))


class Malicious:
    """A pickle that would write a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def made_up_batch(path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None = None) -> Path:
    """A batch of the official format, with the md5 sum that it has declared official."""
    if content is None:
        generator = np.random.default_rng(1)
        fields = {
            b"data": generator.integers(0, 256, (10_000, 3072), dtype=np.uint8),
            b"labels": generator.integers(0, 10, 10_000).tolist(),
        }
        content = pickle.dumps(fields, protocol=2)
    folder = path / cifar10.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_batch").write_bytes(content)
    monkeypatch.setitem(
        cifar10.BATCH_MD5, "test_batch", hashlib.md5(content, usedforsecurity=False).hexdigest()
    )
    return path


def test_real_test_split(root):
    images, labels = cifar10.load("test", root)
    assert (images.shape, images.dtype) == ((10_000, 32, 32, 3), np.uint8)
    assert (labels.dtype, np.bincount(labels).tolist()) == (np.int64, [1000] * 10)
    assert cifar10.CLASSES[labels[0]] == "cat"
    # known mean of the channels of the test images, 0 to 1
    assert images.mean(axis=(0, 1, 2)) / 255 == pytest.approx([0.4942, 0.4851, 0.4504], abs=2e-4)


def test_real_set_passes_and_is_not_fetched_again(root):
    assert cifar10.verify(root) == root / cifar10.FOLDER
    assert cifar10.fetch(root, url="http://127.0.0.1:9/absent") == root / cifar10.FOLDER


def test_sample_is_balanced_and_deterministic():
    images, labels, indices = cifar10.sample()
    assert (images.shape, images.dtype) == ((64, 32, 32, 3), np.uint8)
    assert sorted(np.bincount(labels).tolist()) == [6] * 6 + [7] * 4
    assert len(set(indices.tolist())) == 64
    assert (labels.dtype, indices.dtype) == (np.int64, np.int64)


def test_sample_is_part_of_the_real_set(root):
    images, labels, indices = cifar10.sample()
    all_images, all_labels = cifar10.load("test", root)
    assert np.array_equal(images, all_images[indices])
    assert np.array_equal(labels, all_labels[indices])
    assert np.array_equal(indices, cifar10.choose_sample(all_labels))


def test_written_sample_is_the_shipped_one(root, tmp_path):
    with np.load(cifar10.write_sample(tmp_path / "s.npz", root), allow_pickle=False) as stored:
        for found, shipped in zip(
            (stored["images"], stored["labels"], stored["indices"]), cifar10.sample(), strict=True
        ):
            assert np.array_equal(found, shipped)


def test_made_up_batch_is_read_in_order(tmp_path, monkeypatch):
    root = made_up_batch(tmp_path, monkeypatch)
    images, labels = cifar10.load("test", root)
    planes = np.random.default_rng(1).integers(0, 256, (10_000, 3072), dtype=np.uint8)
    assert images[7, 3, 5].tolist() == planes[7, [3 * 32 + 5, 1024 + 3 * 32 + 5, 2048 + 3 * 32 + 5]].tolist()
    assert labels.shape == (10_000,)


def test_changed_batch_is_not_unpickled(tmp_path):
    marker = tmp_path / "touched"
    folder = tmp_path / cifar10.FOLDER
    folder.mkdir()
    (folder / "test_batch").write_bytes(pickle.dumps(Malicious(marker)))
    with pytest.raises(DataError, match="md5"):
        cifar10.load("test", tmp_path)
    assert not marker.exists()


def test_unpickler_refuses_code_even_with_the_right_sum(tmp_path, monkeypatch):
    marker = tmp_path / "touched"
    made_up_batch(tmp_path, monkeypatch, pickle.dumps(Malicious(marker)))
    with pytest.raises(DataError, match="only numpy arrays"):
        cifar10.load("test", tmp_path)
    assert not marker.exists()


def test_missing_batch_and_missing_set(tmp_path, monkeypatch):
    (tmp_path / cifar10.FOLDER).mkdir()
    with pytest.raises(DataError, match="test_batch: unreadable.*data fetch"):
        cifar10.load("test", tmp_path)
    with pytest.raises(DataError, match="data fetch cifar10"):
        cifar10.load("test", tmp_path / "nowhere")
    with pytest.raises(DataError, match="split"):
        cifar10.load("validation", tmp_path)


def test_search_order(tmp_path, monkeypatch):
    monkeypatch.setenv("SEMISAC_DATA", str(tmp_path))
    assert folders.roots()[0] == tmp_path
    (tmp_path / cifar10.FOLDER).mkdir()
    assert cifar10.find_root() == tmp_path
    assert cifar10.find_root(tmp_path / cifar10.FOLDER) == tmp_path  # the folder itself will do


def test_fetch_unpacks_only_the_batches(official_archive, tmp_path):
    url, batches = official_archive
    root = tmp_path / "a" / "root"
    folder = cifar10.fetch(root, url=url)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == batches
    assert sorted(p.name for p in root.iterdir()) == [cifar10.FOLDER]
    assert not (tmp_path / "outside").exists()


def test_fetch_repairs_a_damaged_set(official_archive, tmp_path):
    url, batches = official_archive
    folder = cifar10.fetch(tmp_path / "root", url=url)
    (folder / "data_batch_3").write_bytes(b"damaged")
    assert (cifar10.fetch(tmp_path / "root", url=url) / "data_batch_3").read_bytes() == batches[
        "data_batch_3"
    ]


def test_fetch_refuses_another_archive(official_archive, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "ARCHIVE_MD5", "0" * 32)
    with pytest.raises(DataError, match="cannot be downloaded"):
        cifar10.fetch(tmp_path / "root", url=official_archive[0])
    assert not (tmp_path / "root" / cifar10.FOLDER).exists()


def test_fetch_without_network(tmp_path):
    with pytest.raises(DataError, match="check the network") as caught:
        cifar10.fetch(tmp_path, url="http://127.0.0.1:9/cifar-10-python.tar.gz")
    assert "\n" not in str(caught.value)
