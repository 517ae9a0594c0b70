/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "block/end_of_input.h"
#include "block/tag_values.h"
#include <gnuradio/block.h>
#include <gnuradio/block_detail.h>
#include <gnuradio/tags.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <complex>
#include <cstdint>
#include <vector>

namespace py = pybind11;

namespace {

/* A Python block has a tag or more on every item. Reading them one by one from Python
 * takes longer than a small network takes to decide: these move the tags of a whole call
 * at once. */

/* Tags on the first items of one input in the work call that runs. */
class call_tags
{
public:
    call_tags(gr::block& block, int port, int64_t count)
        : d_read(block.nitems_read(port)), d_count(count)
    {
        block.detail()->get_tags_in_range(
            d_tags, port, d_read, d_read + count, block.unique_id());
    }

    template <typename value_t, typename convert_t>
    py::tuple values(const pmt::pmt_t& key, convert_t convert) const
    {
        py::array_t<int64_t> items(d_count);
        py::array_t<value_t> values(d_count);
        int64_t* item = items.mutable_data();
        value_t* value = values.mutable_data();
        int64_t found = 0;
        int64_t last = -1;
        for (const gr::tag_t& tag : d_tags) {
            if (tag.key != key) // interned symbols: equal keys are one object
                continue;
            const auto converted = convert(tag.value);
            if (!converted) {
                ++d_strange;
                continue;
            }
            const auto place = static_cast<int64_t>(tag.offset - d_read);
            found += place != last; // of two tags of one key on an item the last counts
            item[found - 1] = last = place;
            value[found - 1] = *converted;
        }
        if (found == d_count)
            return py::make_tuple(items, values);
        const py::slice first(0, found, 1);
        return py::make_tuple(items[first], values[first]);
    }

    int64_t strange() const { return d_strange; }

    void copy_to(gr::block& block, const py::array_t<int64_t>& items, int port) const
    {
        const auto chosen = items.unchecked<1>();
        const uint64_t written = block.nitems_written(port);
        py::ssize_t place = 0;
        for (gr::tag_t tag : d_tags) { // in the order of their items
            const auto item = static_cast<int64_t>(tag.offset - d_read);
            while (place < chosen.shape(0) && chosen(place) < item)
                ++place;
            if (place == chosen.shape(0))
                return;
            if (chosen(place) == item) {
                tag.offset = written + place;
                block.detail()->add_item_tag(port, tag);
            }
        }
    }

private:
    uint64_t d_read;
    int64_t d_count;
    std::vector<gr::tag_t> d_tags;
    mutable int64_t d_strange = 0;
};

template <typename value_t, typename convert_t>
void bind_add_tags(py::module& m, const char* doc, convert_t convert)
{
    m.def(
        "add_tags",
        [convert](gr::block& block,
                  int port,
                  const pmt::pmt_t& key,
                  const py::array_t<value_t>& values) {
            gr::tag_t tag;
            tag.key = key;
            tag.offset = block.nitems_written(port);
            const auto value = values.template unchecked<1>();
            for (py::ssize_t i = 0; i < value.shape(0); ++i, ++tag.offset) {
                tag.value = convert(value(i));
                block.detail()->add_item_tag(port, tag);
            }
        },
        py::arg("block"),
        py::arg("port"),
        py::arg("key"),
        py::arg("values").noconvert(),
        doc);
}

} // namespace

void bind_frame_tags(py::module& m)
{
    m.def(
        "input_has_ended",
        [](gr::block& block, int items_taken, int port) {
            return gr::semisac::input_has_ended(block.detail(), items_taken, port);
        },
        py::arg("block"),
        py::arg("items_taken"),
        py::arg("port") = 0,
        "Whether an input ended and nothing is left of it but items_taken items.");

    m.def(
        "items_waiting",
        [](gr::block& block, int port) {
            const gr::buffer_sptr buffer = block.detail()->output(port);
            gr::thread::scoped_lock guard(*buffer->mutex());
            return buffer->bufsize() - 1 - buffer->space_available();
        },
        py::arg("block"),
        py::arg("port"),
        "Items of an output that not everybody has read.");

    py::class_<call_tags>(
        m,
        "call_tags",
        "Tags on the first `count` items of an input in this work call. "
        "Each reader gives (items int64, values) of one key, without what is of another "
        "kind.")
        .def(py::init<gr::block&, int, int64_t>(),
             py::arg("block"),
             py::arg("port"),
             py::arg("count"))
        .def(
            "integers",
            [](const call_tags& self, const pmt::pmt_t& key) {
                return self.values<int64_t>(key, gr::semisac::integer_of);
            },
            py::arg("key"),
            "Values int64.")
        .def(
            "doubles",
            [](const call_tags& self, const pmt::pmt_t& key) {
                return self.values<double>(key, gr::semisac::real_of);
            },
            py::arg("key"),
            "Values float64.")
        .def(
            "complexes",
            [](const call_tags& self, const pmt::pmt_t& key) {
                return self.values<std::complex<double>>(key, gr::semisac::complex_of);
            },
            py::arg("key"),
            "Values complex128.")
        .def_property_readonly("strange",
                               &call_tags::strange,
                               "Tags of another kind, of all that were read so far.")
        .def(
            "copy_to",
            &call_tags::copy_to,
            py::arg("block"),
            py::arg("items"),
            py::arg("port") = 0,
            "Put every tag of the chosen items (increasing) on the block's outputs 0, 1, "
            "2, ... of this call.");

    bind_add_tags<uint64_t>(
        m,
        "Put one tag on each item that this call writes, values uint64.",
        [](uint64_t v) { return pmt::from_uint64(v); });
    bind_add_tags<int64_t>(
        m,
        "Put one tag on each item that this call writes, values int64.",
        [](int64_t v) { return pmt::from_long(v); });
    bind_add_tags<double>(
        m,
        "Put one tag on each item that this call writes, values float64.",
        [](double v) { return pmt::from_double(v); });
}
