/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "radio/frame_store.h"
#include <algorithm>
#include <cstring>

namespace gr {
namespace semisac {

void frame_store::clear()
{
    d_oldest = d_count = 0;
    d_filled = -1;
    d_truncated = 0;
}

// Begins a frame at the place of its tag; false without a length or an id.
bool frame_store::open(uint64_t offset, const std::vector<tag_t>& tags)
{
    stored_frame& frame = filling();
    frame.tags.clear();
    frame.length = 0;
    int64_t id = -1;
    for (const tag_t& tag : tags) {
        if (tag.offset != offset)
            continue;
        frame.tags.push_back(tag);
        if (tag.key == d_key_frame_id)
            id = d_reader.integer(tag, 0, INT64_MAX, id);
        else if (tag.key == d_key_packet_len)
            frame.length = d_reader.integer(tag, 1, LONGEST_FRAME, 0);
    }
    if (frame.length == 0 || id < 0) {
        ++d_truncated;
        return false;
    }
    frame.id = static_cast<uint64_t>(id);
    frame.kept = std::min(frame.length, d_most_samples);
    frame.offset = offset;
    if (frame.samples.size() < static_cast<std::size_t>(frame.kept))
        frame.samples.resize(frame.kept);
    d_filled = 0;
    return true;
}

int frame_store::take(const gr_complex* samples,
                      int count,
                      uint64_t first,
                      const std::vector<tag_t>& tags)
{
    int taken = 0;
    auto tag = tags.begin();
    const auto next_frame = [&](int from) { // place of the first tag there or behind
        while (tag != tags.end() &&
               (tag->key != d_key_frame_id || tag->offset < first + from))
            ++tag;
        return tag == tags.end() ? count : static_cast<int>(tag->offset - first);
    };
    while (taken < count) {
        if (d_filled < 0) {
            taken = next_frame(taken);
            if (taken == count || full())
                break;
            if (!open(first + taken, tags))
                ++taken;
            continue;
        }
        stored_frame& frame = filling();
        const int end = next_frame(taken + (d_filled == 0 ? 1 : 0)); // not its own tag
        const auto part =
            static_cast<int>(std::min<int64_t>(end - taken, frame.kept - d_filled));
        std::memcpy(&frame.samples[d_filled], samples + taken, part * sizeof(gr_complex));
        d_filled += part;
        taken += part;
        if (d_filled == frame.kept) {
            ++d_count;
            d_filled = -1;
        } else if (taken < count) {
            ++d_truncated;
            d_filled = -1;
        }
    }
    return taken;
}

} // namespace semisac
} // namespace gr
