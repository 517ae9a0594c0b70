# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The corpus of broken files: what can go wrong in the made-up samples, and which file and field it is."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import made_up_data
import numpy as np
from file_damage import cell, column, cut, gone, line, pixels, put, swap_lines, values, word, words


@dataclass(frozen=True)
class Fault:
    """What is wrong; how to make it, from the sample's folder; the file and the field that must be named."""

    sample: str
    what: str
    make: Callable[[Path], object]
    file: str
    field: str

    def __str__(self) -> str:
        return f"{self.sample}: {self.what}"


def fault(sample: str, what: str, file: str, field: str, make: Callable[[Path], object]) -> Fault:
    return Fault(sample, what, make, file, field)


def mat_without_data(home: Path) -> None:
    from scipy.io import savemat

    savemat(home / "unit1/radar_data/other.mat", {"cube": np.zeros((2, 2, 2))})
    cell("scenario31.csv", "unit1_radar", 2, "./unit1/radar_data/other.mat")(home)


N = 22  # samples of the made-up scenarios
POWER, PLACE, STATION, DRIVE = (
    f"scenario1_{field}_1-{N}.npy" for field in ("unit1_pwr_60ghz", "unit2_loc", "unit1_loc", "seq_index")
)
ARRAYS = [
    fault("arrays", "no power", "unit1_pwr_60ghz", "unit1_pwr_60ghz", gone(POWER)),
    fault("arrays", "no drives", "seq_index", "seq_index", gone(DRIVE)),
    fault("arrays", "power NaN", POWER, "unit1_pwr_60ghz", values(POWER, put((3, 5), np.nan))),
    fault("arrays", "power infinite", POWER, "unit1_pwr_60ghz", values(POWER, put((3, 5), np.inf))),
    fault("arrays", "power negative", POWER, "unit1_pwr_60ghz", values(POWER, put((3, 5), -1.0))),
    fault("arrays", "power all zero", POWER, "unit1_pwr_60ghz", values(POWER, put(4, 0.0))),
    fault("arrays", "32 beams", POWER, "unit1_pwr_60ghz", values(POWER, lambda a: a[:, :32])),
    fault("arrays", "power complex", POWER, "unit1_pwr_60ghz", values(POWER, lambda a: a * 1j)),
    fault("arrays", "power as text", POWER, "unit1_pwr_60ghz", values(POWER, lambda a: a.astype(str))),
    fault("arrays", "power cut off", POWER, "unit1_pwr_60ghz", cut(POWER)),
    fault(
        "arrays", "a pickle", PLACE, "unit2_loc", lambda home: np.save(home / PLACE, np.array([{}], object))
    ),
    fault(
        "arrays",
        "a bare pickle",
        PLACE,
        "unit2_loc",
        lambda home: (home / PLACE).write_bytes(pickle.dumps(1)),
    ),
    fault("arrays", "fewer positions than powers", PLACE, "unit2_loc", values(PLACE, lambda a: a[:-1])),
    fault(
        "arrays",
        "fewer positions, and a name that says so",
        f"scenario1_unit2_loc_1-{N - 1}.npy",
        "unit2_loc",
        lambda home: (
            values(PLACE, lambda a: a[:-1])(home),
            (home / PLACE).rename(home / PLACE.replace("22", "21")),
        ),
    ),
    fault(
        "arrays",
        "two of a field",
        "unit2_loc",
        "unit2_loc",
        lambda h: np.save(h / PLACE.replace("22", "9"), [1]),
    ),
    fault("arrays", "positions with height", PLACE, "unit2_loc", values(PLACE, lambda a: np.c_[a, a[:, 0]])),
    fault("arrays", "position NaN", PLACE, "unit2_loc", values(PLACE, put((0, 0), np.nan))),
    fault("arrays", "longitude, latitude", PLACE, "unit2_loc", values(PLACE, lambda a: a[:, ::-1])),
    fault("arrays", "another street", PLACE, "unit2_loc", values(PLACE, lambda a: a + (0.5, 0))),
    fault("arrays", "a base station at the pole", STATION, "unit1_loc", values(STATION, put((0, 0), 95.0))),
    fault("arrays", "a drive that comes again", DRIVE, "seq_index", values(DRIVE, put(-1, 1))),
    fault("arrays", "drives that are not whole", DRIVE, "seq_index", values(DRIVE, lambda a: a + 0.5)),
    fault("arrays", "drives as a matrix", DRIVE, "seq_index", values(DRIVE, lambda a: a[:, None])),
]

TABLE = "scenario31.csv"
PICTURE, CLOUD, CUBE = (
    f"unit1/{kind}_data/{name}"
    for kind, name in (
        ("camera", "image_3.png"),
        ("lidar", "lidar_data_3.ply"),
        ("radar", "radar_data_3.npy"),
    )
)
WATT, WHERE = "unit1/mmWave_data/mmWave_power_3.txt", "unit2/GPS_data/GPS_location_3.txt"
SCENARIO = [
    fault("table", "an empty table", TABLE, "header", words(TABLE, lambda _: "")),
    fault("table", "a header alone", TABLE, "rows", words(TABLE, lambda text: text.splitlines()[0] + "\n")),
    fault(
        "table",
        "a table in another code",
        TABLE,
        "header",
        lambda h: (h / TABLE).write_bytes(b"\xff\xfe\x00a,b"),
    ),
    fault("table", "no column of drives", TABLE, "seq_index", column(TABLE, "seq_index", None)),
    fault("table", "no column of power", TABLE, "unit1_pwr_60ghz", column(TABLE, "unit1_pwr_60ghz", None)),
    fault("table", "no column of positions", TABLE, "unit2_loc", column(TABLE, "unit2_loc", None)),
    fault(
        "table",
        "a column twice",
        TABLE,
        "index",
        words(TABLE, lambda text: text.replace("time_stamp", "index")),
    ),
    fault(
        "table",
        "a row cut off",
        TABLE,
        "line 23",
        words(TABLE, lambda text: text.rstrip().rpartition(",")[0]),
    ),
    fault("table", "samples out of order", TABLE, "index", swap_lines(TABLE, 3, 4)),
    fault("table", "index no number", TABLE, "index", cell(TABLE, "index", 2, "third")),
    fault("table", "drives mixed", TABLE, "seq_index", cell(TABLE, "seq_index", 21, 1)),
    fault("table", "a drive without number", TABLE, "seq_index", cell(TABLE, "seq_index", 5, "")),
    fault("table", "beam 0", TABLE, "unit1_beam", cell(TABLE, "unit1_beam", 5, 0)),
    fault("table", "beam 65", TABLE, "unit1_beam", cell(TABLE, "unit1_beam", 5, 65)),
    fault("table", "half a beam", TABLE, "unit1_beam", cell(TABLE, "unit1_beam", 5, 3.5)),
    fault("table", "a beam that is not the strongest", TABLE, "unit1_beam", cell(TABLE, "unit1_beam", 0, 40)),
    fault(
        "table", "a path that leads out", TABLE, "unit1_rgb", cell(TABLE, "unit1_rgb", 3, "../../secret.png")
    ),
    fault("table", "an absolute path", TABLE, "unit2_loc", cell(TABLE, "unit2_loc", 3, "/etc/hostname")),
    fault("table", "no path", TABLE, "unit1_lidar", cell(TABLE, "unit1_lidar", 3, "")),
    fault(
        "table", "power nan", WATT, "unit1_pwr_60ghz", words(WATT, lambda t: t.replace(t.split()[9], "nan"))
    ),
    fault("table", "63 powers", WATT, "unit1_pwr_60ghz", words(WATT, lambda t: "\n".join(t.split()[:-1]))),
    fault("table", "power in words", WATT, "unit1_pwr_60ghz", words(WATT, lambda t: t + "end")),
    fault("table", "negative power", WATT, "unit1_pwr_60ghz", words(WATT, lambda t: "-" + t)),
    fault("table", "no power file", WATT, "unit1_pwr_60ghz", gone(WATT)),
    fault("table", "one coordinate", WHERE, "unit2_loc", words(WHERE, lambda t: t.split()[0])),
    fault("table", "no place on earth", WHERE, "unit2_loc", words(WHERE, lambda t: "133.4\n-111.9\n")),
    fault("table", "another town", WHERE, "unit2_loc", words(WHERE, lambda t: "34.4\n-111.9\n")),
    fault("table", "no picture", PICTURE, "unit1_rgb", gone(PICTURE)),
    fault("table", "a picture cut off", PICTURE, "unit1_rgb", cut(PICTURE)),
    fault("table", "a picture of text", PICTURE, "unit1_rgb", lambda h: (h / PICTURE).write_text("picture")),
    fault("table", "a picture of another size", PICTURE, "unit1_rgb", pixels(PICTURE, (9, 9, 3))),
    fault("table", "a picture with transparency", PICTURE, "unit1_rgb", pixels(PICTURE, (18, 32, 4))),
    fault("table", "a point cloud cut off", CLOUD, "vertex", cut(CLOUD, 0.8)),
    fault(
        "table",
        "a point cloud without z",
        CLOUD,
        "property z",
        words(CLOUD, lambda t: t.replace("double z", "double w")),
    ),
    fault("table", "no points", CLOUD, "vertex", words(CLOUD, lambda t: t.replace("vertex 7", "vertex 0"))),
    fault("table", "a point NaN", CLOUD, "vertex", line(CLOUD, 9, word(1, "nan"))),
    fault("table", "a point in words", CLOUD, "vertex", line(CLOUD, 9, word(1, "far"))),
    fault(
        "table",
        "points of an unknown type",
        CLOUD,
        "header",
        words(CLOUD, lambda t: t.replace("double x", "half x")),
    ),
    fault(
        "table",
        "points in an unknown format",
        CLOUD,
        "header",
        words(CLOUD, lambda t: t.replace("ascii", "json")),
    ),
    fault("table", "no PLY", CLOUD, "header", words(CLOUD, lambda t: t[4:])),
    fault("table", "no radar", CUBE, "unit1_radar", gone(CUBE)),
    fault("table", "radar without phase", CUBE, "unit1_radar", values(CUBE, np.abs)),
    fault("table", "radar of one antenna less an axis", CUBE, "unit1_radar", values(CUBE, lambda a: a[0])),
    fault("table", "radar NaN", CUBE, "unit1_radar", values(CUBE, put((0, 0, 0), np.nan))),
    fault("table", "radar of another size", CUBE, "unit1_radar", values(CUBE, lambda a: a[:3])),
    fault("table", "a .mat without data", "other.mat", "unit1_radar", mat_without_data),
]

CSV = "Multi_Modal/ml_challenge_dev_multi_modal.csv"
OTHER = "./scenario33/unit1/camera_data/image_0.png"


def other_scenario(home: Path) -> None:
    made_up_data.deepsense_frames(home / "Multi_Modal/scenario33", 1)
    cell(CSV, "unit1_rgb_2", 0, OTHER)(home)


CHALLENGE = [
    fault("challenge", "no third sweep", CSV, "unit1_lidar_3", column(CSV, "unit1_lidar_3", None)),
    fault("challenge", "no second position", CSV, "unit2_loc_2", column(CSV, "unit2_loc_2", None)),
    fault("challenge", "no beam", CSV, "unit1_beam", column(CSV, "unit1_beam", None)),
    fault(
        "challenge",
        "a frame twice",
        CSV,
        "unit1_rgb",
        lambda home: cell(CSV, "unit1_rgb_2", 0, made_up_data.read_csv(home / CSV)["unit1_rgb_1"][0])(home),
    ),
    fault("challenge", "two scenarios in a sequence", CSV, "unit1_rgb", other_scenario),
    fault(
        "challenge",
        "power nan, and the beam of that",
        "mmWave_power_6.txt",
        "unit1_pwr_60ghz",
        words(
            "Multi_Modal/scenario32/unit1/mmWave_data/mmWave_power_6.txt",
            lambda t: "nan\n" + "\n".join(t.split()[1:]),
        ),
    ),
]

OBJECTS = f"annotations/{made_up_data.VIRAT_CLIP}.viratdata.objects.txt"
MP4 = f"videos_original/{made_up_data.VIRAT_CLIP}.mp4"
VIRAT = [
    fault("virat", "no annotations", "annotations", "", gone(OBJECTS)),
    fault("virat", "empty annotations", OBJECTS, "objects", words(OBJECTS, lambda _: "")),
    fault("virat", "a column missing", OBJECTS, "line 4", line(OBJECTS, 3, lambda row: row[:-1])),
    fault("virat", "letters", OBJECTS, "objects", line(OBJECTS, 3, word(4, "left"))),
    fault("virat", "a fraction", OBJECTS, "objects", line(OBJECTS, 3, word(4, "3.5"))),
    fault("virat", "a box without width", OBJECTS, "width", line(OBJECTS, 3, word(5, 0))),
    fault("virat", "a box of negative height", OBJECTS, "height", line(OBJECTS, 3, word(6, -4))),
    fault("virat", "an unknown kind", OBJECTS, "kind", line(OBJECTS, 3, word(7, 9))),
    fault("virat", "a frame before the first", OBJECTS, "frame", line(OBJECTS, 0, word(2, -1))),
    fault("virat", "frames out of order", OBJECTS, "frame", swap_lines(OBJECTS, 3, 4)),
    fault("virat", "a frame twice", OBJECTS, "frame", line(OBJECTS, 3, word(2, 2))),
    fault(
        "virat",
        "a track that says it is longer",
        OBJECTS,
        "duration",
        words(OBJECTS, lambda t: t[: t.rstrip().rfind("\n") + 1]),
    ),
    fault("virat", "a duration that changes", OBJECTS, "duration", line(OBJECTS, 3, word(1, 44))),
    fault("virat", "a car that becomes a person", OBJECTS, "duration", line(OBJECTS, 3, word(7, 1))),
    fault(
        "virat",
        "more frames than the video",
        OBJECTS,
        "frame",
        words(OBJECTS, lambda t: t + "9 1 90 1 1 9 9 2\n"),
    ),
    fault("virat", "no video", MP4, "video", gone(MP4)),
    fault("virat", "a video cut off", MP4, "video", cut(MP4)),
    fault("virat", "a video of text", MP4, "video", lambda home: (home / MP4).write_text("video")),
]

SHOWN, LABEL = "input/in000014.jpg", "groundtruth/gt000014.png"
CDNET = [
    fault("cdnet", "no frames told", "temporalROI.txt", "frames", gone("temporalROI.txt")),
    fault("cdnet", "one frame told", "temporalROI.txt", "frames", words("temporalROI.txt", lambda _: "10\n")),
    fault(
        "cdnet",
        "frames the wrong way",
        "temporalROI.txt",
        "frames",
        words("temporalROI.txt", lambda _: "28 10\n"),
    ),
    fault(
        "cdnet",
        "frames in words",
        "temporalROI.txt",
        "frames",
        words("temporalROI.txt", lambda _: "first last\n"),
    ),
    fault(
        "cdnet",
        "frames that are not there",
        "temporalROI.txt",
        "frames",
        words("temporalROI.txt", lambda _: "90 99\n"),
    ),
    fault("cdnet", "a frame missing", SHOWN, "input", gone(SHOWN)),
    fault("cdnet", "a label missing", LABEL, "groundtruth", gone(LABEL)),
    fault("cdnet", "a frame cut off", SHOWN, "input", cut(SHOWN)),
    fault("cdnet", "a label cut off", LABEL, "groundtruth", cut(LABEL)),
    fault("cdnet", "a frame of another size", SHOWN, "input", pixels(SHOWN, (60, 70, 3))),
    fault("cdnet", "a label of another size", LABEL, "groundtruth", pixels(LABEL, (50, 80), 0)),
    fault("cdnet", "a label that is unknown", LABEL, "groundtruth", pixels(LABEL, (60, 80), 100)),
    fault("cdnet", "labels in colour", LABEL, "groundtruth", pixels(LABEL, (60, 80, 3), 0)),
    fault("cdnet", "no region", "ROI.bmp", "ROI", gone("ROI.bmp")),
    fault("cdnet", "an empty region", "ROI.bmp", "ROI", pixels("ROI.bmp", (60, 80), 0)),
    fault("cdnet", "a region of another size", "ROI.bmp", "ROI", pixels("ROI.bmp", (60, 90), 255)),
]

IMAGE, CLASSES = "images/00005D.png", "labels/00005D.png"
MFNET = [
    fault("mfnet", "no list", "val.txt", "names", gone("val.txt")),
    fault("mfnet", "an empty list", "test.txt", "names", words("test.txt", lambda _: "\n")),
    fault("mfnet", "a name twice", "test.txt", "line 4", words("test.txt", lambda t: t + "00007D\n")),
    fault("mfnet", "a pair in two splits", "test.txt", "line 4", words("test.txt", lambda t: t + "00001D\n")),
    fault(
        "mfnet",
        "a mirror image in another split",
        "val.txt",
        "line 3",
        words("val.txt", lambda t: t + "00003D_flip\n"),
    ),
    fault(
        "mfnet",
        "a name of neither day nor night",
        "val.txt",
        "line 3",
        words("val.txt", lambda t: t + "00010\n"),
    ),
    fault(
        "mfnet", "a name that leads out", "val.txt", "line 3", words("val.txt", lambda t: t + "../00010D\n")
    ),
    fault("mfnet", "no image", IMAGE, "image", gone(IMAGE)),
    fault("mfnet", "no label", CLASSES, "label", gone(CLASSES)),
    fault("mfnet", "an image cut off", IMAGE, "image", cut(IMAGE)),
    fault("mfnet", "a label cut off", CLASSES, "label", cut(CLASSES)),
    fault("mfnet", "an image of three channels", IMAGE, "image", pixels(IMAGE, (12, 16, 3))),
    fault(
        "mfnet",
        "an image of another size",
        "images/00006N.png",
        "image",
        pixels("images/00006N.png", (12, 18, 4)),
    ),
    fault("mfnet", "a label of another size", CLASSES, "label", pixels(CLASSES, (10, 16))),
    fault("mfnet", "a class that is unknown", CLASSES, "label", pixels(CLASSES, (12, 16), 9)),
    fault("mfnet", "labels in colour", CLASSES, "label", pixels(CLASSES, (12, 16, 3))),
]

CORPUS = [*ARRAYS, *SCENARIO, *CHALLENGE, *VIRAT, *CDNET, *MFNET]
