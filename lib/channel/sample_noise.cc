/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/sample_noise.h"
#include "math/vector_clones.h"
#include "math/vector_math.h"
#include <cmath>

namespace gr {
namespace semisac {

namespace {

SEMISAC_VECTOR_CLONES
void complex_normals(const uint64_t* words, gr_complex* values, std::size_t count)
{
    auto* out = reinterpret_cast<float*>(values);
    for (std::size_t i = 0; i < count; ++i) {
        const float magnitude =
            std::sqrt(minus_log_uniform(static_cast<uint32_t>(words[i])));
        float cosine, sine;
        cosine_and_sine(static_cast<uint32_t>(words[i] >> 32), cosine, sine);
        out[2 * i] = magnitude * cosine;
        out[2 * i + 1] = magnitude * sine;
    }
}

SEMISAC_VECTOR_CLONES
void add_complex_normals(const uint64_t* words,
                         gr_complex* values,
                         std::size_t count,
                         float amplitude)
{
    auto* out = reinterpret_cast<float*>(values);
    for (std::size_t i = 0; i < count; ++i) {
        const float magnitude =
            amplitude * std::sqrt(minus_log_uniform(static_cast<uint32_t>(words[i])));
        float cosine, sine;
        cosine_and_sine(static_cast<uint32_t>(words[i] >> 32), cosine, sine);
        out[2 * i] += magnitude * cosine;
        out[2 * i + 1] += magnitude * sine;
    }
}

} // namespace

const uint64_t* sample_noise::words(uint64_t first, std::size_t count)
{
    const std::size_t place = first % 4;
    const std::size_t blocks = (place + count + 3) / 4;
    for (std::size_t b = 0; b < blocks; ++b) {
        const philox4x64::block block =
            philox4x64::generate({ first / 4 + b + 1, d_lane, 0, 0 }, d_key);
        for (std::size_t i = 0; i < 4; ++i)
            d_words[4 * b + i] = block[i];
    }
    return d_words.data() + place;
}

void sample_noise::add(gr_complex* y, uint64_t first, std::size_t count, float amplitude)
{
    add_complex_normals(words(first, count), y, count, amplitude);
}

void sample_noise::values(gr_complex* y, uint64_t first, std::size_t count)
{
    complex_normals(words(first, count), y, count);
}

double sample_noise::uniform(uint64_t sample)
{
    return static_cast<double>((*words(sample, 1) >> 11) + 1) * 0x1p-53;
}

} // namespace semisac
} // namespace gr
