# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables, videos and the index over the files of single steps: the parts of the official layouts that span
many.

VIRAT Ground 2.0: a video a drive and ``*.viratdata.objects.txt``, a line a target and frame: number,
duration in
frames, frame, left, top, width, height, type (1 person, 2 car, 3 other vehicle, 5 bicycle). MFNet: RGB with
the thermal image as fourth channel, labels of its nine classes; not 480x640 as there, but of the scenes' own
size. DeepSense 6G: a table a scenario.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from semisac_ml.outputs import output_file, write_output

from .plan import Plan, step_name
from .reader import Moment, SceneSet
from .world import CLASSES

MFNET_OF_CLASS = {"car": 1, "van": 1, "bus": 1, "truck": 1, "person": 2, "cyclist": 3}
VIRAT_TYPE = {"person": 1, "car": 2, "van": 3, "bus": 3, "truck": 3, "cyclist": 5}
SMALLEST_BOX_PX = 12
COLUMNS = (
    "index",
    "seq_index",
    "time_stamp",
    "unit1_rgb",
    "unit1_lidar",
    "unit1_radar",
    "unit1_pwr_60ghz",
    "unit1_beam",
    "unit1_loc",
    "unit2_loc",
)


def assemble(folder: Path, plan: Plan) -> None:
    """Write everything that spans several steps, and at last the index."""
    drives = [json.loads(file.read_text()) for file in sorted(folder.glob("truth/*/drive.json"))]
    lines = []
    for drive in drives:
        for step in range(drive["steps"]):
            with np.load(folder / "truth" / f"{drive['sequence']:04d}" / f"{step:03d}.npz") as stored:
                record = json.loads(bytes(stored["record"]))
            lines.append(json.dumps(record))
    write_output(folder / "steps.jsonl", "\n".join(lines) + "\n")
    index = {"plan": json.loads(plan.to_json()), "classes": list(CLASSES), "drives": drives}
    write_output(folder / "index.json", json.dumps(index, indent=1))
    scenes = SceneSet.open(folder)
    _deepsense_tables(scenes)
    _virat(scenes)
    _mfnet(scenes, plan.pairs_every)


def _deepsense_tables(scenes: SceneSet) -> None:
    scenarios: dict[int, list[Moment]] = {}
    for moment in scenes:
        if "power" in moment.record["files"]:
            scenarios.setdefault(moment.drive["scenario"], []).append(moment)
    for number, moments in scenarios.items():
        place = f"deepsense6g/scenario{number}"
        stream = io.StringIO()
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        sequence, before = 0, (-1, -1)
        for index, moment in enumerate(moments, start=1):
            here = (moment.record["sequence"], moment.record["step"])
            sequence += here != (before[0], before[1] + 1)
            before = here
            files = {k: "./" + v.removeprefix(place + "/") for k, v in moment.record["files"].items()}
            beam = int(moment.powers(0).argmax()) + 1
            table.writerow(
                [
                    index,
                    sequence,
                    f"{moment.record['time_s']:.3f}",
                    files["image"],
                    files["lidar"],
                    files["radar"],
                    files["power"],
                    beam,
                    "./unit1/GPS_data/gps_location.txt",
                    files["location"],
                ]
            )
        write_output(scenes.folder / place / f"scenario{number}.csv", stream.getvalue())


def _virat(scenes: SceneSet) -> None:
    for drive in scenes.drives:
        moments = [m for m in scenes if m.record["sequence"] == drive["sequence"]]
        name = f"VIRAT_S_9{drive['sequence']:05d}"
        video = scenes.folder / "virat" / "videos_original" / f"{name}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        _write_video(video, (m.image() for m in moments), drive)
        notes = scenes.folder / "virat" / "annotations" / f"{name}.viratdata.objects.txt"
        notes.parent.mkdir(parents=True, exist_ok=True)
        write_output(notes, _virat_objects(moments))


def _virat_objects(moments: list[Moment]) -> str:
    seen: dict[int, list[tuple[int, list[int], str]]] = {}
    for frame, moment in enumerate(moments):
        for target in moment.record["targets"]:
            if target["visible_pixels"] >= SMALLEST_BOX_PX:
                seen.setdefault(target["instance"], []).append((frame, target["box_px"], target["label"]))
    rows = []
    for number, track in sorted(seen.items()):
        for frame, box, label in track:
            rows.append(" ".join(map(str, (number, len(track), frame, *box, VIRAT_TYPE[label]))))
    return "\n".join(rows) + "\n"


def _write_video(file: Path, images: Iterable[np.ndarray], drive: dict[str, Any]) -> None:
    import av

    with output_file(file) as unfinished, av.open(str(unfinished), "w") as container:
        stream = container.add_stream("mpeg4", rate=round(1 / drive["interval_s"]))
        stream.width, stream.height, stream.pix_fmt = drive["width"], drive["height"], "yuv420p"
        stream.bit_rate = int(20 * drive["width"] * drive["height"])
        stream.codec_context.thread_count = 1
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _mfnet(scenes: SceneSet, every: int) -> None:
    chosen = [moment for moment in scenes if moment.record["step"] % every == 0]
    splits = _splits([moment.record["sequence"] for moment in chosen])
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    places = {kind: scenes.folder / "mfnet" / kind for kind in ("images", "labels")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    table = np.zeros(256, np.uint8)
    for name, number in MFNET_OF_CLASS.items():
        table[CLASSES.index(name)] = number
    for moment, split in zip(chosen, splits, strict=True):
        sequence, step = moment.record["sequence"], moment.record["step"]
        dark = "N" if moment.drive["time"] == "night" else "D"
        name = step_name(sequence, step).replace("_", "") + dark
        arrays = moment.arrays()
        _save(places["images"] / f"{name}.png", np.dstack([moment.image(), arrays["thermal"]]), "RGBA")
        _save(places["labels"] / f"{name}.png", table[arrays["classes"]], "L")
        lists[split].append(name)
    everything = {**lists}
    for split, names in lists.items():
        everything[f"{split}_day"] = [n for n in names if n.endswith("D")]
        everything[f"{split}_night"] = [n for n in names if n.endswith("N")]
    for split, names in everything.items():
        write_output(scenes.folder / "mfnet" / f"{split}.txt", "".join(f"{n}\n" for n in names))


def _splits(sequences: list[int]) -> list[str]:
    """Split of every pair from its drive: no drive in two, half of them to train, the rest to val and test.

    Fewer than three drives cannot be kept apart: their pairs are split in the order of time.
    """
    drives = sorted(set(sequences))
    if len(drives) < 3:
        shares = np.arange(len(sequences)) / len(sequences)
        return [("train", "val", "test")[int(np.digitize(share, (0.5, 0.75)))] for share in shares]
    names = ("train", "val", "test", "train") if len(drives) == 3 else ("train", "train", "val", "test")
    return [names[drives.index(sequence) % 4] for sequence in sequences]


def _save(file: Path, image: np.ndarray, mode: str) -> None:
    picture = Image.frombytes(mode, image.shape[1::-1], np.ascontiguousarray(image).tobytes())
    with output_file(file) as unfinished:
        picture.save(unfinished, "PNG")
