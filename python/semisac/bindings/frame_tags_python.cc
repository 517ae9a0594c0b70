/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/block.h>
#include <gnuradio/block_detail.h>
#include <gnuradio/tags.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <unordered_map>
#include <complex>
#include <cstdint>
#include <string>
#include <vector>

namespace py = pybind11;

namespace {

/* A Python block has a tag or more on every item. Reading them one by one from Python
 * takes longer than a small network takes to decide: these functions move the tags of a
 * whole call at once. */

std::vector<gr::tag_t>
tags_of_call(gr::block& block, int port, int64_t begin, int64_t end)
{
    std::vector<gr::tag_t> tags;
    const uint64_t read = block.nitems_read(port);
    block.detail()->get_tags_in_range(
        tags, port, read + begin, read + end, block.unique_id());
    return tags;
}

template <typename value_t, typename convert_t>
py::tuple read_tags(
    gr::block& block, int port, int64_t count, const pmt::pmt_t& key, convert_t convert)
{
    std::vector<int64_t> items;
    std::vector<value_t> values;
    items.reserve(count);
    values.reserve(count);
    const uint64_t read = block.nitems_read(port);
    for (const gr::tag_t& tag : tags_of_call(block, port, 0, count)) {
        if (pmt::eq(tag.key, key)) {
            items.push_back(static_cast<int64_t>(tag.offset - read));
            values.push_back(convert(tag.value));
        }
    }
    return py::make_tuple(py::array_t<int64_t>(items.size(), items.data()),
                          py::array_t<value_t>(values.size(), values.data()));
}

int64_t to_integer(const pmt::pmt_t& value)
{
    return pmt::is_uint64(value) ? static_cast<int64_t>(pmt::to_uint64(value))
                                 : static_cast<int64_t>(pmt::to_long(value));
}

void copy_tags(
    gr::block& block,
    int from_port,
    const py::array_t<int64_t, py::array::c_style | py::array::forcecast>& items,
    int to_port)
{
    const auto chosen = items.unchecked<1>();
    if (chosen.shape(0) == 0) {
        return;
    }
    const uint64_t read = block.nitems_read(from_port);
    const uint64_t written = block.nitems_written(to_port);
    std::unordered_map<uint64_t, uint64_t> place;
    place.reserve(chosen.shape(0));
    for (py::ssize_t i = 0; i < chosen.shape(0); ++i) {
        place[read + chosen(i)] = written + i;
    }
    for (gr::tag_t& tag :
         tags_of_call(block, from_port, chosen(0), chosen(chosen.shape(0) - 1) + 1)) {
        const auto found = place.find(tag.offset);
        if (found != place.end()) {
            tag.offset = found->second;
            block.detail()->add_item_tag(to_port, tag);
        }
    }
}

} // namespace

void bind_frame_tags(py::module& m)
{
    m.def(
        "read_double_tags",
        [](gr::block& block, int port, int64_t count, const pmt::pmt_t& key) {
            return read_tags<double>(block, port, count, key, pmt::to_double);
        },
        py::arg("block"),
        py::arg("port"),
        py::arg("count"),
        py::arg("key"),
        "Tags of one key in the first `count` items of this work call: (items int64, "
        "values float64).");
    m.def(
        "read_complex_tags",
        [](gr::block& block, int port, int64_t count, const pmt::pmt_t& key) {
            return read_tags<std::complex<double>>(
                block, port, count, key, pmt::to_complex);
        },
        py::arg("block"),
        py::arg("port"),
        py::arg("count"),
        py::arg("key"),
        "Tags of one key in the first `count` items of this work call: (items int64, "
        "values complex128).");
    m.def(
        "read_integer_tags",
        [](gr::block& block, int port, int64_t count, const pmt::pmt_t& key) {
            return read_tags<int64_t>(block, port, count, key, to_integer);
        },
        py::arg("block"),
        py::arg("port"),
        py::arg("count"),
        py::arg("key"),
        "Tags of one key in the first `count` items of this work call: (items int64, "
        "values int64).");
    m.def("copy_tags",
          &copy_tags,
          py::arg("block"),
          py::arg("from_port"),
          py::arg("items"),
          py::arg("to_port") = 0,
          "Put every tag of the chosen input items (increasing, relative to this call) "
          "on outputs 0, 1, 2, ...");
}
