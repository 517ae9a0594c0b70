/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_LOST_SAMPLES_H
#define INCLUDED_SEMISAC_LOST_SAMPLES_H

#include "block/tag_values.h"
#include <algorithm>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

//! Where samples of a stream were lost, as its tags `gap` say: zeros stand there.
class lost_samples
{
public:
    //! A longer gap is none: a minute at 70 MS/s.
    static constexpr int64_t LONGEST_GAP = int64_t(1) << 32;

    void clear() { d_gaps.clear(); }

    //! Take a tag in; they come in the order of their offsets.
    void note(const tag_t& tag, tag_reader& reader)
    {
        const auto first = static_cast<int64_t>(tag.offset);
        const int64_t samples = reader.integer(tag, 0, LONGEST_GAP, 0);
        // Where another one begins, the one before it is over, whatever its tag says.
        if (!d_gaps.empty())
            d_gaps.back().end = std::min(d_gaps.back().end, first);
        if (samples > 0)
            d_gaps.push_back({ first, first + samples });
    }

    //! Forget what lies before a sample.
    void forget_before(int64_t sample)
    {
        d_gaps.erase(
            std::remove_if(d_gaps.begin(),
                           d_gaps.end(),
                           [sample](const gap& one) { return one.end <= sample; }),
            d_gaps.end());
    }

    //! Whether any of the samples first ... end - 1 was lost.
    bool any_in(int64_t first, int64_t end) const
    {
        return std::any_of(d_gaps.begin(), d_gaps.end(), [first, end](const gap& one) {
            return one.first < end && one.end > first;
        });
    }

private:
    struct gap {
        int64_t first, end;
    };

    std::vector<gap> d_gaps; // no one reaches into the next
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_LOST_SAMPLES_H */
