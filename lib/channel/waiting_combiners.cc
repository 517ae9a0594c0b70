/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/waiting_combiners.h"
#include <algorithm>

namespace gr {
namespace semisac {

waiting_combiners::waiting_combiners(std::size_t length) : d_entries(MOST)
{
    for (entry& one : d_entries)
        one.weights.resize(length);
}

void waiting_combiners::add(uint64_t frame, const gr_complex* weights)
{
    auto place =
        std::find_if(d_entries.begin(), d_entries.end(), [frame](const entry& one) {
            return one.order > 0 && one.frame == frame;
        });
    if (place == d_entries.end()) // an empty one, or the oldest
        place = std::min_element(
            d_entries.begin(), d_entries.end(), [](const entry& a, const entry& b) {
                return a.order < b.order;
            });
    d_dropped += place->order > 0;
    place->frame = frame;
    place->order = ++d_order;
    std::copy_n(weights, place->weights.size(), place->weights.begin());
}

const gr_complex* waiting_combiners::find(uint64_t frame) const
{
    for (const entry& one : d_entries) {
        if (one.order > 0 && one.frame == frame)
            return one.weights.data();
    }
    return nullptr;
}

bool waiting_combiners::has_later(uint64_t frame) const
{
    return std::any_of(d_entries.begin(), d_entries.end(), [=](const entry& one) {
        return one.order > d_run && one.frame > frame && one.frame - frame <= MOST;
    });
}

void waiting_combiners::forget(uint64_t frame)
{
    uint64_t taken = 0;
    for (const entry& one : d_entries) {
        if (one.order > 0 && one.frame == frame)
            taken = one.order;
    }
    for (entry& one : d_entries) {
        if (one.order == 0 || one.order > taken)
            continue;
        d_dropped += one.order < taken;
        one.order = 0;
    }
}

void waiting_combiners::begin_run() { d_run = d_order; }

} // namespace semisac
} // namespace gr
