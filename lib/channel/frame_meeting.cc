/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/frame_meeting.h"
#include <algorithm>

namespace gr {
namespace semisac {

namespace {

constexpr int MOST_ALONE = 64; // frames in a row, behind which turns are taken for wrong

} // namespace

frame_meeting::frame_meeting(const gr::logger_ptr& logger,
                             const symbol_layout& layout,
                             int inputs,
                             std::size_t most_frames)
    : d_queues(inputs, symbol_queue(logger, layout, most_frames)),
      d_ended(inputs, 0),
      d_needed(inputs, 1),
      d_chosen(inputs, 0)
{
}

void frame_meeting::clear()
{
    for (symbol_queue& queue : d_queues)
        queue.clear();
    std::fill(d_ended.begin(), d_ended.end(), 0);
    std::fill(d_needed.begin(), d_needed.end(), 1);
    std::fill(d_chosen.begin(), d_chosen.end(), 0);
    d_alone = 0;
}

int frame_meeting::take(int input,
                        const gr_complex* items,
                        int count,
                        uint64_t first,
                        const std::vector<tag_t>& tags)
{
    return d_queues[input].take(items, count, first, tags);
}

void frame_meeting::end(int input)
{
    d_queues[input].end();
    d_ended[input] = 1;
}

bool frame_meeting::find_next()
{
    const symbol_frame* next = nullptr;
    for (const symbol_queue& queue : d_queues) {
        if (!queue.empty() && (!next || queue.oldest().place() < next->place()))
            next = &queue.oldest();
    }
    bool knows = true;
    for (std::size_t input = 0; input < d_queues.size(); ++input) {
        symbol_queue& queue = d_queues[input];
        d_chosen[input] = !queue.empty() && queue.oldest().place() == next->place();
        if (!d_chosen[input] && queue.is_out_of_line()) {
            queue.refuse_oldest();
            return find_next();
        }
        d_needed[input] = !d_ended[input] && !d_chosen[input] && !queue.sees_the_next();
        knows = knows && !d_needed[input];
    }
    if (next)
        d_frame_id = next->id;
    return knows;
}

bool frame_meeting::is_there() const
{
    return missing() < static_cast<int>(d_chosen.size());
}

int frame_meeting::missing() const
{
    return static_cast<int>(std::count(d_chosen.begin(), d_chosen.end(), 0));
}

const symbol_frame& frame_meeting::first_frame() const
{
    const auto first = std::find(d_chosen.begin(), d_chosen.end(), 1);
    return d_queues[first - d_chosen.begin()].oldest();
}

void frame_meeting::drop()
{
    for (std::size_t input = 0; input < d_queues.size(); ++input) {
        if (d_chosen[input])
            d_queues[input].drop_oldest();
    }
    d_alone = missing() > 0 ? d_alone + 1 : 0;
    if (d_alone == MOST_ALONE)
        level_turns();
}

// Inputs whose frames do not meet any more have lost more than their ids tell.
void frame_meeting::level_turns()
{
    d_alone = 0;
    int turn = 0;
    for (const symbol_queue& queue : d_queues)
        turn = std::max(turn, queue.turn());
    for (symbol_queue& queue : d_queues)
        queue.set_turn(turn);
}

uint64_t frame_meeting::frames_refused() const
{
    uint64_t sum = 0;
    for (const symbol_queue& queue : d_queues)
        sum += queue.frames_refused();
    return sum;
}

uint64_t frame_meeting::frames_truncated() const
{
    uint64_t sum = 0;
    for (const symbol_queue& queue : d_queues)
        sum += queue.frames_truncated();
    return sum;
}

} // namespace semisac
} // namespace gr
