#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any ONNX file as a block: ONNX Runtime run by numpy on the same frames; overlap, tags, and every error."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pmt
from gnuradio import gr_unittest, semisac
from gnuradio.semisac.learned.onnx_ports import ITEMS

from semisac_ml.runtime import PROVIDERS, BundleError, installed_providers

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402
import onnx_files as made  # noqa: E402
from driven_flow import Flow, Stream  # noqa: E402

FRAME = 12
ABSENT = next(name for name in PROVIDERS if name not in installed_providers())
_folder = tempfile.TemporaryDirectory(prefix="semisac-onnx-")
FOLDER = Path(_folder.name)
RUNTIME_FILES = Path(onnxruntime.__file__).parent / "datasets"
BUNDLE = Path(__file__).resolve().parents[3] / "models" / "imported" / "basic_pitch"


def file(name: str, content: bytes) -> str:
    path = FOLDER / f"{name}.onnx"
    path.write_bytes(content)
    return str(path)


MIXER = file("mixer", made.mixer())
FILTER = file("filter", made.smoother(FRAME))
COPY = file("copy", made.copy(FRAME))
PICTURE = file("picture", made.pictures())
ALONE = file("alone", made.rows(3))


def reference(path: str, **inputs: np.ndarray) -> list[np.ndarray]:
    """Outputs that ONNX Runtime gives."""
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, inputs)


def noise(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def pairs(values: np.ndarray) -> np.ndarray:
    return np.stack([values.real, values.imag], axis=-1).astype(np.float32)


def run(block, *streams: np.ndarray, tags=((), ())):
    """Items of each output, in their own type [items, length], and the tags (item, key, text)."""
    flow = Flow(block, [Stream(items, own) for items, own in zip(streams, (*tags, ()), strict=False)])
    given = flow.run()
    if given.error is not None:
        raise given.error
    assert given.ended
    kinds = [port.kind for port in block._output_ports]
    return [items.view(ITEMS[kind]) for items, kind in zip(given.items, kinds, strict=True)], given.tags


def frames_of(samples: np.ndarray, before: int, after: int, length: int = FRAME) -> np.ndarray:
    """Frames of a stream, zeros in front of it and behind it."""
    new = length - before - after
    count = -(-len(samples) // new)
    whole = np.zeros(before + count * new + after, samples.dtype)
    whole[before : before + len(samples)] = samples
    return np.stack([whole[k * new : k * new + length] for k in range(count)])


def long_tags(*places: int, key: str = "mark") -> list:
    return [(place, key, pmt.from_long(place)) for place in places]


class qa_onnx_inference(gr_unittest.TestCase):
    def test_vectors_of_several_inputs_and_outputs_for_every_batch(self):
        symbols, weights = bt.frames(50, FRAME), noise(50, 3)
        expected = reference(MIXER, symbols=pairs(symbols), weight=weights)
        for batch in (1, 7, 64):
            with self.subTest(batch=batch):
                block = semisac.onnx_inference(
                    MIXER,
                    inputs=[("complex", FRAME), ("float", 3)],
                    outputs=[("complex", FRAME), ("float", 3), ("int", 1)],
                    batch=batch,
                )
                (mixed, power, strongest), _ = run(block, symbols, weights)
                np.testing.assert_allclose(pairs(mixed), expected[0], rtol=1e-6, atol=1e-6)
                np.testing.assert_allclose(power, expected[1], rtol=1e-5)
                np.testing.assert_array_equal(strongest[:, 0], expected[2])

    def test_vectors_are_real_where_nothing_is_stated(self):
        symbols, weights = bt.frames(5, FRAME), noise(5, 3)
        (mixed, *_), _ = run(semisac.onnx_inference(MIXER), pairs(symbols).reshape(5, -1), weights)
        expected = reference(MIXER, symbols=pairs(symbols), weight=weights)[0]
        np.testing.assert_allclose(mixed, expected.reshape(5, -1), rtol=1e-6, atol=1e-6)

    def test_overlapping_frames_of_a_stream(self):
        for length in (1, 5, 60, 601):
            samples = noise(length)
            for before, after in ((0, 0), (4, 0), (0, 3), (5, 4), (11, 0)):
                expected = reference(FILTER, audio=frames_of(samples, before, after))
                for batch in (1, 4, 50):
                    with self.subTest(length=length, before=before, after=after, batch=batch):
                        block = semisac.onnx_inference(
                            FILTER, [("float", 1)], [("float", 2), ("float", FRAME)], before, after, batch
                        )
                        (level, _), _ = run(block, samples[:, None])
                        np.testing.assert_allclose(level, expected[0], rtol=1e-5, atol=1e-6)

    def test_a_stream_comes_out_beside_what_went_in(self):
        """The middle of each frame: a moving average of three, as of the whole stream."""
        samples = noise(200)
        expected = np.convolve(np.pad(samples, 1), np.full(3, 1 / 3), mode="valid")
        for before, after in ((1, 1), (3, 4), (1, 7)):
            for batch in (1, 5):
                with self.subTest(before=before, after=after, batch=batch):
                    block = semisac.onnx_inference(
                        FILTER, [("float", 1)], [("float", 2), ("float", 1)], before, after, batch
                    )
                    (_, smooth), _ = run(block, samples[:, None])
                    np.testing.assert_allclose(smooth[:, 0], expected, rtol=1e-4, atol=1e-6)

    def test_complex_streams(self):
        samples = bt.frames(1, 100)[0]
        block = semisac.onnx_inference(COPY, [("complex", 1)], [("complex", 1)], before=3, after=3, batch=4)
        (copied,), _ = run(block, samples[:, None])
        np.testing.assert_array_equal(copied[:, 0], samples)

    def test_tags_of_vectors(self):
        symbols, weights = bt.frames(20, FRAME), noise(20, 3)
        tags = [long_tags(0, 3, 19), long_tags(3, 4)]
        for batch in (1, 6):
            block = semisac.onnx_inference(MIXER, batch=batch)
            _, found = run(block, pairs(symbols).reshape(20, -1), weights, tags=tags)
            for own in found:  # what both inputs say of item 3 is said once
                self.assertEqual(sorted(own), [(n, "mark", str(n)) for n in (0, 3, 4, 19)])

    def test_tags_of_streams(self):
        samples, places = noise(100)[:, None], [0, 4, 5, 6, 49, 99]
        for batch in (1, 3, 50):
            block = semisac.onnx_inference(
                FILTER, [("float", 1)], [("float", 2), ("float", 1)], before=4, after=3, batch=batch
            )
            _, (frames, beside) = run(block, samples, tags=[long_tags(*places)])
            self.assertEqual(beside, [(n, "mark", str(n)) for n in places])
            self.assertEqual(frames, [(n // 5, "mark", str(n)) for n in places])

    def test_tags_of_vectors_reach_the_first_sample_of_their_frame(self):
        block = semisac.onnx_inference(COPY, [("complex", FRAME)], [("complex", 1)], batch=4)
        _, (found,) = run(block, bt.frames(9, FRAME), tags=[long_tags(0, 3, 8)])
        self.assertEqual(found, [(n * FRAME, "mark", str(n)) for n in (0, 3, 8)])

    def test_open_axes_and_constants(self):
        pictures = noise(6, 3 * 4 * 5)
        for gain in (2.0, [1.0, 2.0, 3.0]):
            block = semisac.onnx_inference(
                PICTURE, axes={"height": 4, "width": 5}, constants={"gain": gain}, batch=4
            )
            (found,), _ = run(block, pictures)
            gains = np.broadcast_to(np.asarray(gain, np.float32), 3)
            (expected,) = reference(PICTURE, picture=pictures.reshape(6, 3, 4, 5), gain=gains)
            np.testing.assert_allclose(found, expected, rtol=1e-5)
        block.set_constants({"gain": [0.0, 0.0, 1.0]})
        (found,), _ = run(block, pictures)
        np.testing.assert_array_equal(found[:, :2], 0.0)

    def test_networks_that_take_one_item(self):
        rows = noise(7, 3)
        (found,), _ = run(semisac.onnx_inference(ALONE, batch=4), rows)
        np.testing.assert_allclose(found, np.cumsum(rows, axis=1), rtol=1e-5, atol=1e-6)

    def test_outputs_may_be_left_out(self):
        block = semisac.onnx_inference(MIXER, without=["mixed", "strongest"])
        (power,), _ = run(block, noise(4, 2 * FRAME), noise(4, 3))
        self.assertEqual(power.shape, (4, 3))

    def test_every_type(self):
        values = np.arange(12).reshape(4, 3)
        for dtype, item in (
            ("float64", np.float32),
            ("float16", np.float32),
            ("int64", np.int32),
            ("int32", np.int32),
            ("int16", np.int16),
            ("int8", np.uint8),
            ("uint8", np.uint8),
            ("bool", np.uint8),
        ):
            with self.subTest(dtype=dtype):
                path = file(f"as_{dtype}", made.as_it_is(dtype))
                (found,), _ = run(semisac.onnx_inference(path), values.astype(item))
                np.testing.assert_array_equal(found, values.astype(dtype).astype(item))

    def test_what_is_not_finite_harms_no_other_frame(self):
        samples = noise(10, FRAME)
        bad = samples.copy()
        bad[4, 2], bad[7] = np.nan, 3e38  # its sum is infinite
        block = semisac.onnx_inference(FILTER, batch=10)
        (level, _), _ = run(block, bad)
        (expected, _), _ = run(semisac.onnx_inference(FILTER), samples)
        kept = [k for k in range(10) if k not in (4, 7)]
        np.testing.assert_allclose(level[kept], expected[kept], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(level[[4, 7]], 0.0)
        self.assertEqual(block.counts["damaged"], 2)

    def test_bundles(self):
        pictures = bt.pictures(3).reshape(3, -1).astype(np.float32) / 255
        with self.assertRaisesRegex(BundleError, "has the networks encoder, .*: say which, network="):
            semisac.onnx_inference(bt.tiny_bundle())
        block = semisac.onnx_inference(
            bt.tiny_bundle(), outputs=[("complex", 10)], network="encoder", constants={"snr_db": 3.0}
        )
        (found,), _ = run(block, pictures)
        np.testing.assert_allclose(np.mean(np.abs(found) ** 2, axis=1), 1.0, rtol=1e-5)

    def test_networks_of_others(self):
        """Of the packages of ONNX Runtime and onnx, as they are."""
        rows = noise(4, 6)
        (found,), _ = run(
            semisac.onnx_inference(RUNTIME_FILES / "logreg_iris.onnx", without=["probabilities"]), rows
        )
        for row, labels in zip(rows, found, strict=True):
            expected = reference(str(RUNTIME_FILES / "logreg_iris.onnx"), float_input=row.reshape(3, 2))[0]
            np.testing.assert_array_equal(labels, expected)
        samples = noise(130)
        block = semisac.onnx_inference(RUNTIME_FILES / "sigmoid.onnx", [("float", 1)], [("float", 1)])
        (found,), _ = run(block, samples[:, None])
        np.testing.assert_allclose(found[:, 0], 1 / (1 + np.exp(-samples)), rtol=1e-5)
        light = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_squeezenet.onnx"
        if light.exists():
            picture = noise(2, 3 * 224 * 224)
            (found,), _ = run(semisac.onnx_inference(light), picture)
            expected = [
                reference(str(light), data_0=one.reshape(1, 3, 224, 224))[0].ravel() for one in picture
            ]
            np.testing.assert_allclose(found, expected, rtol=1e-4)

    def test_the_bundle_of_others_that_ships(self):
        """As the example runs it: four frames of sound, of each output what ONNX Runtime gives."""
        sound, (before, after) = 0.1 * noise(40000), (28996, 3840)
        lengths = [172 * 88, 172 * 88, 172 * 264]
        block = semisac.onnx_inference(
            BUNDLE, [("float", 1)], [("float", length) for length in lengths], before, after
        )
        found, _ = run(block, sound[:, None])
        frames = frames_of(sound, before, after, 43844)[:, :, None]
        expected = reference(str(BUNDLE / "network.onnx"), **{"serving_default_input_2:0": frames})
        for own, right in zip(found, expected, strict=True):
            np.testing.assert_allclose(own, right.reshape(4, -1), atol=1e-5)

    def test_errors_are_one_line_that_helps(self):
        (FOLDER / "folder.onnx").mkdir(exist_ok=True)
        big = FOLDER / "big.onnx"
        with big.open("wb") as stream:
            stream.truncate(2**31)
        text = FOLDER / "text.onnx"
        text.write_text("no network")
        for model, options, said in (
            ("absent.onnx", {}, "absent.onnx: is not there, expected an ONNX file"),
            (FOLDER / "folder.onnx", {}, "is a folder, expected an ONNX file"),
            (big, {}, r"has 2.1 GB, expected less than 2.1, .*: export a smaller network"),
            (text, {}, "it is not an ONNX file|it is cut off"),
            ("nowhere/at_all", {}, "bundle 'nowhere/at_all' not found"),
            (file("external", made.external()), {}, "weights w lie in another file, expected one file"),
            (file("custom", made.custom()), {}, "operator com.example:Foo is a custom one, which ONNX"),
            (file("nan", made.broken(np.nan)), {}, "weights w hold NaN"),
            (RUNTIME_FILES / "logreg_iris.onnx", {}, r"probabilities is seq\(.*or without it"),
            (MIXER, {"network": "encoder"}, "an ONNX file is one network: leave it empty"),
            (MIXER, {"without": ["sound"]}, "without names sound, the network gives mixed, power, strongest"),
            (MIXER, {"without": ["mixed", "power", "strongest"]}, "without names all"),
            (MIXER, {"axes": {"width": 3}}, "axes names width, the network has"),
            (MIXER, {"constants": {"gain": 3}}, "constants names gain, the network has symbols, weight"),
            (MIXER, {"constants": {"weight": "loud"}}, "constant weight is 'loud', expected float32 values"),
            (MIXER, {"constants": {"weight": [1.0, 2.0]}}, r"has shape \[2\], expected \['batch', 3\]"),
            (MIXER, {"inputs": [("float", 24)]}, r"inputs are 1, the network has 2: \('float', 24\) or"),
            (MIXER, {"inputs": [("complex", 7), ("float", 3)]}, r"have \('complex', 7\) for symbols"),
            (MIXER, {"inputs": [("complex", 12), ("complex", 3)]}, r"expected \('float', 3\) for weight, or"),
            (MIXER, {"inputs": ["complex", "float"]}, "inputs have 'complex' for symbols"),
            (PICTURE, {}, "input picture is .*, and height may have any length: say which, axes={'height'"),
            (PICTURE, {"axes": {"height": 0, "width": 2}}, "expected a length of 1 or more each"),
            (MIXER, {"precision": "int8"}, "precision is int8, but an ONNX file is computed as it is"),
            (MIXER, {"provider": ABSENT}, f"provider {ABSENT} is not installed, .*; or choose cpu"),
            (ALONE, {"constants": {"values": np.zeros((1, 3))}}, "every input is a constant"),
        ):  # fmt: skip
            with self.subTest(said=said), self.assertRaisesRegex(BundleError, said) as caught:
                block = semisac.onnx_inference(model, **options)
                run(block, noise(4, 4))
            self.assertNotIn("\n", str(caught.exception))

    def test_bad_parameters_are_refused(self):
        stream = {"inputs": [("float", 1)], "outputs": [("float", 2), ("float", 1)]}
        for options, said in (
            ({"batch": 0}, "batch is 0"),
            ({"threads": 0}, "threads is 0"),
            ({"provider": "abacus"}, "provider is 'abacus', expected one of cpu, openvino, cuda, tensorrt"),
            ({"precision": "int4"}, "precision is 'int4', expected one of auto, float32, int8"),
            ({"before": -1, **stream}, "before is -1"),
            ({"after": 1.5, **stream}, "after is 1.5"),
            (
                {"before": 6, "after": 6, **stream},
                r"before \+ after is 12, expected less than the frame's 12",
            ),
            (
                {"before": 5, "inputs": [("float", 1)], "outputs": [("float", 1), ("float", FRAME)]},
                "output level has 2 samples for a frame of 12, .* no whole number: take it as a vector",
            ),
        ):
            with self.subTest(**options), self.assertRaisesRegex(ValueError, said):
                semisac.onnx_inference(FILTER, **options)
        with self.assertRaisesRegex(ValueError, "the inputs are vectors alone: only streams"):
            semisac.onnx_inference(FILTER, before=3)
        block = semisac.onnx_inference(MIXER)
        with self.assertRaisesRegex(ValueError, "constants names weight, .*: none"):
            block.set_constants({"weight": 1.0})

    def test_an_output_whose_length_changes_ends_the_flow_with_a_reason(self):
        block = semisac.onnx_inference(file("found", made.found()))
        with self.assertRaisesRegex(
            ValueError, r"output where has shape \[2, \d\], expected .*: items of GNU Radio"
        ):
            run(block, noise(4, 4))


if __name__ == "__main__":
    gr_unittest.run(qa_onnx_inference)
