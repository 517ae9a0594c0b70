/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <algorithm>
#include <cstdint>

namespace py = pybind11;

namespace {

/* One pass over the planes of each image: numpy needs five, and as long as the network.
 */
void write_pixels(const py::array_t<float, py::array::c_style>& images,
                  py::array_t<uint8_t, py::array::c_style>& pixels)
{
    const py::ssize_t planes = images.ndim() == 4 ? images.shape(1) : 0;
    if (planes != 3 || pixels.size() != images.size())
        throw py::value_error(
            "expected images [items, 3, height, width] and as many pixels");
    const py::ssize_t count = images.shape(0);
    const py::ssize_t size = images.shape(2) * images.shape(3);
    const float* in = images.data();
    uint8_t* out = pixels.mutable_data();
    py::gil_scoped_release release;
    const auto quantise = [](float value) {
        return static_cast<uint8_t>(std::min(std::max(value, 0.0f), 1.0f) * 255.0f +
                                    0.5f);
    };
    for (py::ssize_t item = 0; item < count; ++item) {
        const float* red = in + item * 3 * size;
        const float* green = red + size;
        const float* blue = green + size;
        uint8_t* pixel = out + item * 3 * size;
        for (py::ssize_t i = 0; i < size; ++i) {
            pixel[3 * i] = quantise(red[i]);
            pixel[3 * i + 1] = quantise(green[i]);
            pixel[3 * i + 2] = quantise(blue[i]);
        }
    }
}

} // namespace

void bind_pixels(py::module& m)
{
    m.def(
        "write_pixels",
        &write_pixels,
        py::arg("images").noconvert(),
        py::arg("pixels").noconvert(),
        "Round images float32 [items, 3, height, width] in [0, 1] to pixels uint8, rows "
        "then columns then RGB; ValueError when the shapes do not fit.");
}
