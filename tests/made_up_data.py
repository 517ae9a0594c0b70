# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tiny made-up samples of the data sets, each in its official layout."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

BASE_STATION = (33.4176, -111.9266)
RADAR_SHAPE = (4, 16, 8)
PICTURE_SHAPE = (18, 32, 3)
POINTS = 7


def write_csv(file: Path, columns: dict[str, list]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def read_csv(file: Path) -> dict[str, list]:
    with file.open(newline="") as stream:
        rows = list(csv.reader(stream))
    return {name: [row[k] for row in rows[1:]] for k, name in enumerate(rows[0])}


def beam_powers(samples: int, seed: int = 1) -> np.ndarray:
    """Power of 64 beams: a peak that wanders over a noise floor."""
    rng = np.random.default_rng(seed)
    peak = 8 + (np.arange(samples) * 3) % 48
    shape = np.exp(-0.5 * ((np.arange(64) - peak[:, None]) / 1.5) ** 2)
    return 0.05 + shape + 0.01 * rng.random((samples, 64))


def positions(samples: int) -> np.ndarray:
    """Latitude and longitude of a car that drives past."""
    step = np.arange(samples)[:, None] * (1e-6, 8e-6)
    return np.array(BASE_STATION) + (1e-4, -2e-4) + step


def deepsense_arrays(folder: Path, number: int = 1, drives: tuple[int, ...] = (7, 9, 6)) -> Path:
    """Arrays of a scenario below folder/deepsense6g, as published: beams in reverse order."""
    home = folder / "deepsense6g"
    home.mkdir(parents=True, exist_ok=True)
    samples = sum(drives)
    stored = {
        "unit1_pwr_60ghz": beam_powers(samples)[:, ::-1],
        "unit1_loc": np.tile(BASE_STATION, (samples, 1)),
        "unit2_loc": positions(samples),
        "seq_index": np.repeat(np.arange(1, len(drives) + 1), drives),
    }
    for field, values in stored.items():
        np.save(home / f"scenario{number}_{field}_1-{samples}.npy", values)
    return home


def deepsense_frames(home: Path, samples: int) -> dict[str, list[str]]:
    """Files of all sensors of a scenario below `home`, and the cells that name them."""
    rng = np.random.default_rng(2)
    for unit in ("camera_data", "lidar_data", "radar_data", "mmWave_data", "GPS_data"):
        (home / "unit1" / unit).mkdir(parents=True, exist_ok=True)
    (home / "unit2" / "GPS_data").mkdir(parents=True, exist_ok=True)
    (home / "unit1/GPS_data/gps_location.txt").write_text("{}\n{}\n".format(*BASE_STATION))
    names: dict[str, list[str]] = {"rgb": [], "lidar": [], "radar": [], "power": [], "position": []}
    for k, (power, place) in enumerate(zip(beam_powers(samples), positions(samples), strict=True)):
        picture = rng.integers(0, 256, PICTURE_SHAPE, dtype=np.uint8)
        Image.fromarray(picture).save(home / f"unit1/camera_data/image_{k}.png")
        write_ascii_ply(home / f"unit1/lidar_data/lidar_data_{k}.ply", rng.normal(size=(POINTS, 3)))
        cube = rng.normal(size=RADAR_SHAPE) + 1j * rng.normal(size=RADAR_SHAPE)
        np.save(home / f"unit1/radar_data/radar_data_{k}.npy", cube.astype(np.complex64))
        (home / f"unit1/mmWave_data/mmWave_power_{k}.txt").write_text("\n".join(map(str, power)) + "\n")
        (home / f"unit2/GPS_data/GPS_location_{k}.txt").write_text(f"{place[0]}\n{place[1]}\n")
        names["rgb"].append(f"unit1/camera_data/image_{k}.png")
        names["lidar"].append(f"unit1/lidar_data/lidar_data_{k}.ply")
        names["radar"].append(f"unit1/radar_data/radar_data_{k}.npy")
        names["power"].append(f"unit1/mmWave_data/mmWave_power_{k}.txt")
        names["position"].append(f"unit2/GPS_data/GPS_location_{k}.txt")
    return names


def deepsense_scenario(folder: Path, number: int = 31, drives: tuple[int, ...] = (7, 9, 6)) -> Path:
    """A scenario with all sensors below folder/deepsense6g; returns its table."""
    home = folder / "deepsense6g" / f"scenario{number}"
    samples = sum(drives)
    names = {key: [f"./{name}" for name in cells] for key, cells in deepsense_frames(home, samples).items()}
    columns = {
        "index": list(range(1, samples + 1)),
        "unit1_rgb": names["rgb"],
        "unit1_pwr_60ghz": names["power"],
        "unit1_lidar": names["lidar"],
        "unit1_radar": names["radar"],
        "unit1_loc": ["./unit1/GPS_data/gps_location.txt"] * samples,
        "unit2_loc": names["position"],
        "unit1_beam": [int(beam) + 1 for beam in beam_powers(samples).argmax(axis=1)],
        "time_stamp": [f"10:00:{k // 10:02d}-{k % 10}00000" for k in range(samples)],
        "seq_index": np.repeat(np.arange(1, len(drives) + 1), drives).tolist(),
    }
    write_csv(home / f"scenario{number}.csv", columns)
    return home / f"scenario{number}.csv"


def deepsense_challenge(
    folder: Path, part: str = "development", scenario: int = 32, drives: tuple[int, ...] = (7, 9)
) -> Path:
    """A part of the challenge below folder/deepsense6g; returns its table."""
    from semisac_ml.data.deepsense6g import CHALLENGE

    table = folder / "deepsense6g" / CHALLENGE[part]
    samples = sum(drives)
    names = deepsense_frames(table.parent / f"scenario{scenario}", samples)
    drive = np.repeat(np.arange(len(drives)), drives)
    windows = [np.arange(k, k + 5) for k in range(samples - 4) if drive[k] == drive[k + 4]]
    here = f"./scenario{scenario}/"
    columns: dict[str, list] = {"index": list(range(1, len(windows) + 1))}
    for key in ("rgb", "lidar", "radar"):
        for frame in range(5):
            columns[f"unit1_{key}_{frame + 1}"] = [here + names[key][window[frame]] for window in windows]
    columns["unit1_loc"] = [here + "unit1/GPS_data/gps_location.txt"] * len(windows)
    for frame in range(2):
        columns[f"unit2_loc_{frame + 1}"] = [here + names["position"][window[frame]] for window in windows]
    if part != "test":
        beam = beam_powers(samples).argmax(axis=1)
        columns["unit1_pwr_60ghz"] = [here + names["power"][window[4]] for window in windows]
        columns["unit1_beam"] = [int(beam[window[4]]) + 1 for window in windows]
    write_csv(table, columns)
    return table


def write_ascii_ply(file: Path, points: np.ndarray) -> None:
    """A point cloud as the LiDAR of DeepSense writes it: doubles and an intensity, as text."""
    header = (
        f"ply\nformat ascii 1.0\nelement vertex {len(points)}\nproperty double x\nproperty double y\n"
        "property double z\nproperty ushort intensity\nend_header\n"
    )
    file.write_text(header + "".join("{:.4f} {:.4f} {:.4f} 7\n".format(*point) for point in points))


MFNET_SIZE = (12, 16)
MFNET_NAMES = {
    "train": ["00001D", "00002N", "00003D", "00004N", "00001D_flip"],
    "val": ["00005D", "00006N"],
    "test": ["00007D", "00008N", "00009N"],
}


def mfnet(folder: Path) -> Path:
    """Pairs in four channels with labels, and the lists of the splits; returns folder/ir_seg_dataset."""
    home = folder / "ir_seg_dataset"
    rng = np.random.default_rng(3)
    for kind in ("images", "labels"):
        (home / kind).mkdir(parents=True, exist_ok=True)
    for split, names in MFNET_NAMES.items():
        (home / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            if name.endswith("_flip"):
                continue
            picture = rng.integers(0, 256, (*MFNET_SIZE, 4), dtype=np.uint8)
            Image.fromarray(picture, "RGBA").save(home / f"images/{name}.png")
            label = rng.integers(0, 9, MFNET_SIZE, dtype=np.uint8)
            Image.fromarray(label, "L").save(home / f"labels/{name}.png")
    return home


CDNET_SIZE = (60, 80)
CDNET_FRAMES = range(10, 30, 2)


def cdnet_squares(frame: int) -> list[tuple[int, int, int, int]]:
    """Left, top, width and height of two squares: one moves 2 px a frame to the right, one 1 px downwards."""
    return [(5 + 2 * (frame - 10), 8, 10, 10), (60, 10 + (frame - 10), 12, 9)]


def cdnet(folder: Path) -> Path:
    """A video with labels; every second frame is there. Returns folder/cdnet-highway."""
    home = folder / "cdnet-highway"
    for kind in ("input", "groundtruth"):
        (home / kind).mkdir(parents=True, exist_ok=True)
    Image.new("L", CDNET_SIZE[::-1], 255).save(home / "ROI.bmp")
    (home / "temporalROI.txt").write_text(f"{CDNET_FRAMES[0]} {CDNET_FRAMES[-1]}\n")
    for frame in CDNET_FRAMES:
        picture = np.full((*CDNET_SIZE, 3), 90, dtype=np.uint8)
        label = np.zeros(CDNET_SIZE, dtype=np.uint8)
        for left, top, width, height in cdnet_squares(frame):
            around = (slice(top - 1, top + height + 1), slice(left - 1, left + width + 1))
            label[around] = 170
            label[top : top + height, left : left + width] = 255
            picture[top : top + height, left : left + width] = (200, 30, 30)
        Image.fromarray(picture).save(home / f"input/in{frame:06d}.jpg", quality=95)
        Image.fromarray(label).save(home / f"groundtruth/gt{frame:06d}.png")
    return home


VIRAT_CLIP = "VIRAT_S_000001"
VIRAT_SIZE = (64, 96)
VIRAT_RATE = 10
VIRAT_FRAMES = 45


def virat_boxes(frame: int) -> dict[int, tuple[int, int, int, int, int]]:
    """Left, top, width, height, kind: car 0 moves 1 px a frame, car 1 is parked, person 2 comes and goes."""
    boxes = {0: (2 + frame, 20, 20, 12, 2), 1: (70, 40, 16, 10, 2)}
    return boxes | ({2: (40, 30, 9, 18, 1)} if 5 <= frame < 30 else {})


def virat(folder: Path, clip: str = VIRAT_CLIP) -> Path:
    """Annotations and video of a clip; returns folder/virat."""
    home = folder / "virat"
    (home / "annotations").mkdir(parents=True, exist_ok=True)
    (home / "videos_original").mkdir(exist_ok=True)
    lines = []
    for number in range(3):
        frames = [frame for frame in range(VIRAT_FRAMES) if number in virat_boxes(frame)]
        for frame in frames:
            *box, kind = virat_boxes(frame)[number]
            lines.append(" ".join(map(str, (number, len(frames), frame, *box, kind))) + " \n")
    (home / f"annotations/{clip}.viratdata.objects.txt").write_text("".join(lines))
    write_mp4(home / f"videos_original/{clip}.mp4", VIRAT_FRAMES, VIRAT_SIZE, VIRAT_RATE)
    return home


def write_mp4(file: Path, frames: int, size: tuple[int, int], rate: int) -> None:
    """A video of grey pictures, of which the level is 16 and 5 more with each."""
    import av

    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate, options={"g": "12"})
        stream.bit_rate = 20_000_000
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        for frame in range(frames):
            picture = np.full((*size, 3), 16 + 5 * frame, dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
