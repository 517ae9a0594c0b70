/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_LOG_H
#define INCLUDED_SEMISAC_FRAME_LOG_H

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace gr {
namespace semisac {

//! Which samples the newest frames have: asked by one thread, written by another.
class frame_log
{
public:
    static constexpr uint64_t FRAMES = 8192;

    void clear()
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        d_written = 0;
    }

    //! Add a frame behind the ones that are there.
    void add(int64_t start, int64_t length, uint64_t id)
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        d_entries[d_written++ % FRAMES] = { start, length, id };
    }

    //! Id of the frame that has a sample, -1 where there is none.
    int64_t frame_at(int64_t sample) const
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        const uint64_t behind = first_behind(sample);
        if (behind == oldest())
            return -1;
        const entry& last = d_entries[(behind - 1) % FRAMES];
        return sample < last.start + last.length ? static_cast<int64_t>(last.id) : -1;
    }

    //! First sample and id of the frames that begin with samples from first to last.
    std::vector<std::pair<int64_t, uint64_t>> frames_between(int64_t first,
                                                             int64_t last) const
    {
        std::lock_guard<std::mutex> lock(d_mutex);
        std::vector<std::pair<int64_t, uint64_t>> found;
        const uint64_t end = first_behind(last);
        for (uint64_t at = first_behind(first - 1); at < end; ++at)
            found.emplace_back(d_entries[at % FRAMES].start, d_entries[at % FRAMES].id);
        return found;
    }

private:
    uint64_t oldest() const { return d_written > FRAMES ? d_written - FRAMES : 0; }

    // Number of the first frame that begins behind a sample.
    uint64_t first_behind(int64_t sample) const
    {
        uint64_t low = oldest(), high = d_written;
        while (low < high) {
            const uint64_t middle = low + (high - low) / 2;
            if (d_entries[middle % FRAMES].start > sample)
                high = middle;
            else
                low = middle + 1;
        }
        return low;
    }

    struct entry {
        int64_t start, length;
        uint64_t id;
    };

    mutable std::mutex d_mutex;
    std::array<entry, FRAMES> d_entries;
    uint64_t d_written = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_LOG_H */
