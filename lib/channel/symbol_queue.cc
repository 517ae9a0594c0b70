/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/symbol_queue.h"
#include "math/sample_energy.h"
#include <algorithm>

namespace gr {
namespace semisac {

symbol_queue::symbol_queue(const gr::logger_ptr& logger,
                           const symbol_layout& layout,
                           std::size_t most_frames)
    : d_layout(layout), d_reader(logger), d_frames(most_frames)
{
    for (symbol_frame& frame : d_frames) {
        const std::size_t items = layout.items;
        frame.symbols.resize(items * layout.item_length);
        frame.precoders.resize(items * layout.precoder_length);
        frame.has_precoder.resize(items);
    }
}

void symbol_queue::clear()
{
    d_oldest = d_count = 0;
    d_filled = -1;
    d_turn = 0;
    d_last = d_before = -1;
    d_refused = d_truncated = 0;
}

void symbol_queue::drop_oldest()
{
    d_oldest = (d_oldest + 1) % d_frames.size();
    --d_count;
}

void symbol_queue::end()
{
    d_truncated += d_filled >= 0;
    d_filled = -1;
}

void symbol_queue::open(int64_t id)
{
    symbol_frame& frame = at(d_count);
    frame.id = static_cast<uint64_t>(std::max<int64_t>(id, 0));
    frame.tags.clear();
    std::fill(frame.has_precoder.begin(), frame.has_precoder.end(), 0);
    d_good = id >= 0;
    d_filled = 0;
}

void symbol_queue::take_precoder(const tag_t& tag)
{
    symbol_frame& frame = at(d_count);
    const std::size_t length = d_layout.precoder_length;
    gr_complex* to = frame.precoders.data() + d_filled * length;
    if (pmt::is_c32vector(tag.value) && pmt::length(tag.value) == length) {
        std::size_t bytes;
        std::copy_n(pmt::c32vector_elements(tag.value, bytes), length, to);
        frame.has_precoder[d_filled] = are_sound(to, d_layout.precoder_length);
    }
    d_good = d_good && frame.has_precoder[d_filled];
}

// Tags of the item that comes in next.
void symbol_queue::take_tags(const std::vector<tag_t>& tags,
                             std::size_t from,
                             std::size_t to)
{
    for (; from < to; ++from) {
        const tag_t& tag = tags[from];
        if (tag.key == d_key_precoder)
            take_precoder(tag);
        else if (tag.key != d_key_frame_id && tag.key != d_key_snr_db &&
                 tag.key != d_key_noise_var)
            at(d_count).tags.emplace_back(d_filled, tag);
    }
}

// Ids increase; where they go back, the next turn begins. A single id that is too high,
// behind which they go on as before it, begins none.
void symbol_queue::close()
{
    symbol_frame& frame = at(d_count);
    d_filled = -1;
    if (!d_good || !frame.has_precoder[0]) {
        ++d_refused;
        return;
    }
    const auto id = static_cast<int64_t>(frame.id);
    if (id > d_last) {
        d_before = d_last;
    } else if (d_before < 0 || id <= d_before) {
        ++d_turn;
        d_before = -1;
    }
    d_last = id;
    frame.turn = d_turn;
    ++d_count;
}

bool symbol_queue::is_out_of_line() const
{
    if (d_count < 2)
        return false;
    const symbol_frame& next = d_frames[(d_oldest + 1) % d_frames.size()];
    return next.turn == oldest().turn && next.id <= oldest().id;
}

void symbol_queue::refuse_oldest()
{
    drop_oldest();
    ++d_refused;
}

void symbol_queue::set_turn(int turn)
{
    d_turn = turn;
    for (std::size_t position = 0; position < d_count; ++position)
        at(position).turn = turn;
}

int symbol_queue::take(const gr_complex* items,
                       int count,
                       uint64_t first,
                       const std::vector<tag_t>& tags)
{
    std::size_t from = 0;
    for (int item = 0; item < count; ++item, items += d_layout.item_length) {
        std::size_t to = from;
        bool begins = false;
        int64_t id = -1;
        for (; to < tags.size() && tags[to].offset == first + item; ++to) {
            if (tags[to].key != d_key_frame_id)
                continue;
            if (d_filled < 0 && full())
                return item;
            begins = true;
            id = d_reader.integer(tags[to], 0, INT64_MAX, -1);
        }
        if (begins) {
            d_truncated += d_filled >= 0;
            open(id);
        }
        if (d_filled >= 0) {
            take_tags(tags, from, to);
            std::copy_n(items,
                        d_layout.item_length,
                        at(d_count).symbols.data() +
                            static_cast<std::size_t>(d_filled) * d_layout.item_length);
            d_good = d_good && are_sound(items, d_layout.item_length);
            if (++d_filled == d_layout.items)
                close();
        }
        from = to;
    }
    return count;
}

} // namespace semisac
} // namespace gr
