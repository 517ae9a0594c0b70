/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

// What echo_aligner gives away: samples side by side, tags, flags.

#include "echo_aligner_impl.h"
#include <algorithm>
#include <cstring>

namespace gr {
namespace semisac {

// Samples that can be given away from the position on.
int64_t echo_aligner_impl::ready(bool in_frame) const
{
    const int64_t delay = d_ended ? 0 : in_frame ? HALF_KERNEL : d_delay;
    return received_end() - d_shift - delay - d_position;
}

void echo_aligner_impl::drop_missed()
{
    const auto is_missed = [this] { // also one that is said to come behind the next
        const int64_t start = start_of(d_frames.at(0));
        return start < d_position ||
               (d_frames.size() > 1 && start_of(d_frames.at(1)) < start);
    };
    while (d_frames.size() > 0 && is_missed()) {
        d_frames.drop_oldest();
        ++d_frames_missed;
    }
}

// Why a frame is flagged, nothing where it is not.
pmt::pmt_t echo_aligner_impl::reason_to_flag(const stored_frame& frame)
{
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        const auto named =
            std::find_if(d_flags.begin(), d_flags.end(), [&frame](const flag& one) {
                return one.frame_id == frame.id;
            });
        if (named != d_flags.end()) {
            const pmt::pmt_t reason = named->reason;
            d_flags.erase(named);
            return reason;
        }
    }
    const int64_t first = d_position + d_shift - (d_fraction > 0.0 ? HALF_KERNEL - 1 : 0);
    const int64_t end =
        d_position + d_shift + frame.kept + (d_fraction > 0.0 ? HALF_KERNEL : 0);
    const bool before = d_position + d_shift < std::max<int64_t>(oldest_received(), 0);
    return d_lost.any_in(first, end) || before ? d_key_gap : pmt::PMT_NIL;
}

// Tags of the frame at the position; false where it is to be looked at again.
bool echo_aligner_impl::decide(const stored_frame& frame, int64_t given)
{
    pmt::pmt_t reason = reason_to_flag(frame);
    if (pmt::is_null(reason)) {
        bool flagged = false;
        if (!look_at_leakage(frame, flagged))
            return false;
        if (flagged)
            reason = d_alignment;
    }
    const uint64_t offset = nitems_written(0) + given;
    for (tag_t tag : frame.tags) {
        if (tag.key == d_key_sob || tag.key == d_key_eob || tag.key == d_key_time)
            continue;
        tag.offset = offset;
        add_item_tag(0, tag);
    }
    if (!pmt::is_null(reason)) {
        add_item_tag(0, offset, d_key_lost, reason);
        ++d_frames_flagged;
    }
    if (d_tag_realigned)
        add_item_tag(0, offset, d_key_realigned, pmt::from_double(d_latency_in_use));
    d_tag_realigned = false;
    ++d_frames_aligned;
    return true;
}

void echo_aligner_impl::give_samples(int64_t count,
                                     int64_t given,
                                     gr_vector_void_star& output_items)
{
    auto* sent = static_cast<gr_complex*>(output_items[0]) + given;
    if (d_frame_left > 0) {
        const stored_frame& frame = d_frames.at(0);
        std::memcpy(
            sent, &frame.samples[frame.kept - d_frame_left], count * sizeof(gr_complex));
    } else {
        std::fill_n(sent, count, gr_complex());
    }
    const int64_t first = d_position + d_shift;
    const int64_t missing =
        std::clamp<int64_t>(oldest_received() + HALF_KERNEL - first, 0, count);
    for (int antenna = 0; antenna < d_settings.antennas; ++antenna) {
        auto* out = static_cast<gr_complex*>(output_items[1 + antenna]) + given;
        std::fill_n(out, missing, gr_complex());
        if (missing == count)
            continue;
        const gr_complex* received = d_received[antenna].at(first + missing);
        if (d_fraction == 0.0)
            std::memcpy(out + missing, received, (count - missing) * sizeof(gr_complex));
        else
            interpolate(
                received - HALF_KERNEL + 1, d_kernel, out + missing, count - missing);
    }
}

// Tags of what was received, as far as their samples are given away.
void echo_aligner_impl::give_tags(int64_t count, int64_t given)
{
    for (int antenna = 0; antenna < d_settings.antennas; ++antenna) {
        std::deque<tag_t>& tags = d_received_tags[antenna];
        while (!tags.empty()) {
            const int64_t place =
                static_cast<int64_t>(tags.front().offset) - d_shift - d_position;
            if (place >= count)
                break;
            if (place >= 0) {
                tags.front().offset = nitems_written(1 + antenna) + given + place;
                add_item_tag(1 + antenna, tags.front());
            }
            tags.pop_front();
        }
    }
}

int64_t echo_aligner_impl::give(int64_t room, gr_vector_void_star& output_items)
{
    int64_t given = 0;
    while (given < room) {
        const bool in_frame = d_frame_left > 0;
        if (!in_frame && d_new_latency) {
            if (d_settings.mode == alignment_t::LEAKAGE)
                ++d_realignments;
            d_tag_realigned = d_frames_aligned > 0;
            set_latency(*d_new_latency);
            d_new_latency.reset();
        }
        int64_t count = std::min(room - given, ready(in_frame));
        if (in_frame) {
            count = std::min(count, d_frame_left);
        } else {
            drop_missed();
            count = std::min(count, sent_until() - d_position);
            if (d_frames.size() > 0 && count > 0) {
                const stored_frame& next = d_frames.at(0);
                if (start_of(next) == d_position) {
                    if (decide(next, given))
                        d_frame_left = next.kept;
                    continue;
                }
                count = std::min(count, start_of(next) - d_position);
            }
        }
        if (count <= 0)
            break;
        give_samples(count, given, output_items);
        give_tags(count, given);
        d_position += count;
        given += count;
        if (in_frame && (d_frame_left -= count) == 0)
            d_frames.drop_oldest();
    }
    return given;
}

} // namespace semisac
} // namespace gr
