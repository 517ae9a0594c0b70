/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "math/vector_clones.h"
#include "radio/converter.h"
#include <algorithm>

namespace gr {
namespace semisac {

namespace {

// 1.5 * 2^23: a float of this size has no fraction, so that adding it rounds to even.
constexpr float ROUNDER = 12582912.0f;

} // namespace

SEMISAC_VECTOR_CLONES
uint64_t
convert(const gr_complex* samples, gr_complex* out, std::size_t count, float steps)
{
    const auto* in = reinterpret_cast<const float*>(samples);
    auto* result = reinterpret_cast<float*>(out);
    const float lowest = -steps, highest = steps - 1.0f, scale = 1.0f / steps;
    int32_t clipped = 0;
    for (std::size_t n = 0; n < count; ++n) {
        // in this order what is no number becomes the lowest, and is counted as clipped
        const float i = std::min(std::max(lowest - 1.0f, in[2 * n] * steps), steps);
        const float q = std::min(std::max(lowest - 1.0f, in[2 * n + 1] * steps), steps);
        const float near_i = (i + ROUNDER) - ROUNDER, near_q = (q + ROUNDER) - ROUNDER;
        const float kept_i = std::min(std::max(near_i, lowest), highest);
        const float kept_q = std::min(std::max(near_q, lowest), highest);
        clipped += static_cast<int32_t>(kept_i != near_i) |
                   static_cast<int32_t>(kept_q != near_q);
        result[2 * n] = kept_i * scale;
        result[2 * n + 1] = kept_q * scale;
    }
    return static_cast<uint64_t>(clipped);
}

} // namespace semisac
} // namespace gr
