# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""CIFAR-10 (Krizhevsky 2009) in its official format, the "python version" batches.

The batches are Python pickles. Each is read only if its md5 sum is the official one, and then by an unpickler
that can build nothing but numpy arrays, bytes, strings, numbers, lists and dictionaries.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import sys
import tarfile
from importlib import resources
from pathlib import Path, PurePosixPath

import numpy as np

from semisac_ml.outputs import output_file

from . import DataError
from .folders import roots

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
FOLDER = "cifar-10-batches-py"
BATCH_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
SPLITS = {"train": tuple(f"data_batch_{k}" for k in range(1, 6)), "test": ("test_batch",)}
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ANIMALS = (2, 3, 4, 5, 6, 7)
IMAGES_PER_BATCH = 10_000


def find_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Folder that holds cifar-10-batches-py: the one given, else the first of the roots that has it.

    Raises
    ------
    DataError
        If there is none.
    """
    places = [Path(root).expanduser()] if root is not None else roots()
    for place in places:
        if (place / FOLDER).is_dir():
            return place
        if place.name == FOLDER and place.is_dir():
            return place.parent
    raise DataError(
        f"CIFAR-10 not found in {', '.join(map(str, places))}: run 'semisac data fetch cifar10', "
        f"or unpack {URL} and set SEMISAC_DATA to the folder that holds {FOLDER}"
    )


def find_folder(root: str | os.PathLike[str] | None = None) -> Path:
    """The folder cifar-10-batches-py; raises DataError, which says how to get it, if there is none."""
    return find_root(root) / FOLDER


def load(split: str, root: str | os.PathLike[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read the training or the test images.

    Parameters
    ----------
    split : "train" or "test"
        50,000 or 10,000 images, in the official order.
    root : path, optional
        Folder that holds cifar-10-batches-py.

    Returns
    -------
    images : ndarray, uint8 [N, 32, 32, 3]
        RGB.
    labels : ndarray, int64 [N]
        Index into CLASSES.

    Raises
    ------
    DataError
        If the data are missing or a batch is not the official one.
    """
    if split not in SPLITS:
        raise DataError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
    folder = find_root(root) / FOLDER
    batches = [_read_batch(folder / name) for name in SPLITS[split]]
    images = np.concatenate([images for images, _ in batches])
    return images, np.concatenate([labels for _, labels in batches])


def verify(root: str | os.PathLike[str] | None = None) -> Path:
    """Check the md5 sum of every batch; returns the folder cifar-10-batches-py. Raises DataError."""
    folder = find_root(root) / FOLDER
    for name in BATCH_MD5:
        _official_bytes(folder / name)
    return folder


def fetch(root: str | os.PathLike[str] | None = None, *, progressbar: bool = False, url: str = URL) -> Path:
    """Download the official archive (170 MB), check it and unpack its batches.

    Parameters
    ----------
    root : path, optional
        Folder to put cifar-10-batches-py into; SEMISAC_DATA or the user's cache folder by default.
    progressbar : bool or object
        As of pooch.HTTPDownloader.
    url : str
        Mirror to download from; the md5 sum must be the official one all the same.

    Returns
    -------
    Path
        The folder cifar-10-batches-py. Nothing is downloaded if it is there already and passes
        :func:`verify`.

    Raises
    ------
    DataError
        If the download fails or is not the official archive.
    """
    from .download import download, place_for

    place = place_for(root)
    if (place / FOLDER).is_dir():
        try:
            return verify(place)
        except DataError:
            pass  # incomplete or damaged: fetch again
    archive = download(
        url,
        place,
        what="CIFAR-10",
        checksum=f"md5:{ARCHIVE_MD5}",
        progressbar=progressbar,
        otherwise=f"check the network, or unpack the archive yourself in {place}",
    )
    with tarfile.open(archive, "r:gz") as tar:
        (place / FOLDER).mkdir(exist_ok=True)
        for member in tar:
            name = PurePosixPath(member.name).name
            stream = tar.extractfile(member) if member.isfile() and name in BATCH_MD5 else None
            if stream is not None:
                (place / FOLDER / name).write_bytes(stream.read())
    folder = verify(place)
    archive.unlink()
    return folder


def sample() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The test images that ship with the package; needs no data set.

    Returns
    -------
    images : ndarray, uint8 [64, 32, 32, 3]
        RGB, six or seven of each class, in an order that mixes the classes.
    labels : ndarray, int64 [64]
    indices : ndarray, int64 [64]
        Place of each in the official test set.

    Raises
    ------
    DataError
        If the file is missing from the installation or damaged.
    """
    source = resources.files("semisac_ml.data") / "samples" / "cifar10_sample.npz"
    try:
        with np.load(io.BytesIO(source.read_bytes()), allow_pickle=False) as stored:
            return stored["images"], stored["labels"].astype(np.int64), stored["indices"].astype(np.int64)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{source}: sample images cannot be read ({error}): install semisac again") from error


def choose_sample(labels: np.ndarray, count: int = 64, seed: int = 2024) -> np.ndarray:
    """Indices of a class-balanced sample, int64 [count]; the first classes take what ten do not divide."""
    generator = np.random.Generator(np.random.Philox(key=seed))
    share, rest = divmod(count, len(CLASSES))
    chosen = [
        generator.choice(np.flatnonzero(labels == k), share + (k < rest), replace=False)
        for k in range(len(CLASSES))
    ]
    return generator.permutation(np.concatenate(chosen)).astype(np.int64)


def write_sample(path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> Path:
    """Write the sample file from the official test batch: uint8 images, uint8 labels, uint16 indices.

    This is how samples/cifar10_sample.npz was made: ``python -m semisac_ml.data.cifar10 FILE``.
    """
    images, labels = load("test", root)
    indices = choose_sample(labels)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with output_file(path) as unfinished:
        np.savez_compressed(
            unfinished,
            images=images[indices],
            labels=labels[indices].astype(np.uint8),
            indices=indices.astype(np.uint16),
        )
    return path


def _official_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: unreadable ({error.strerror}): run 'semisac data fetch cifar10'") from error
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != BATCH_MD5[path.name]:
        raise DataError(
            f"{path}: md5 is {digest}, expected the official {BATCH_MD5[path.name]}: "
            "the file is damaged or not CIFAR-10, run 'semisac data fetch cifar10'"
        )
    return content


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds numpy arrays; everything else that would run code is refused."""

    def find_class(self, module: str, name: str) -> object:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]  # the same function, wherever this numpy keeps it
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):
            return _latin1_bytes
        raise DataError(f"{module}.{name} in a data batch, expected only numpy arrays: this is not CIFAR-10")


def _latin1_bytes(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise DataError(f"encoding {encoding!r} in a data batch, expected latin1: this is not CIFAR-10")
    return text.encode("latin1")


def _read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    fields = _ArrayUnpickler(io.BytesIO(_official_bytes(path)), encoding="bytes").load()
    planes = np.asarray(fields[b"data"], dtype=np.uint8).reshape(IMAGES_PER_BATCH, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), np.asarray(fields[b"labels"], dtype=np.int64)


if __name__ == "__main__":
    print(write_sample(sys.argv[1]))
