/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "math/fractional_delay.h"
#include "math/vector_clones.h"
#include <algorithm>
#include <vector>

namespace gr {
namespace semisac {

namespace {

constexpr double KAISER_BETA = 6.76;
constexpr int TABLE_STEPS = 1024; // a sample; linear between them: pi^2 / 24 / 1024^2
constexpr double MOST_MOVE = 1.0 / 512; // of a sample along a segment

std::vector<float> make_table()
{
    std::vector<float> table(HALF_KERNEL * TABLE_STEPS + 2, 0.0f);
    for (int i = 0; i < HALF_KERNEL * TABLE_STEPS; ++i)
        table[i] = static_cast<float>(
            interpolation_weight(static_cast<double>(i) / TABLE_STEPS));
    return table;
}

//! y[i] = sum of eight products, added to what is there.
SEMISAC_VECTOR_CLONES
void accumulate8(const float* x, const float* w, float* y, std::size_t floats)
{
    for (std::size_t i = 0; i < floats; ++i) {
        const float a = w[0] * x[i] + w[1] * x[i + 2];
        const float b = w[2] * x[i + 4] + w[3] * x[i + 6];
        const float c = w[4] * x[i + 8] + w[5] * x[i + 10];
        const float d = w[6] * x[i + 12] + w[7] * x[i + 14];
        y[i] += (a + b) + (c + d);
    }
}

//! y[i] = y[i] + (start + i) slope change[i].
SEMISAC_VECTOR_CLONES
void add_ramp(
    gr_complex* y, const gr_complex* change, float start, float slope, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) {
        const float weight = start + slope * static_cast<float>(static_cast<int>(i));
        y[i] = gr_complex(y[i].real() + weight * change[i].real(),
                          y[i].imag() + weight * change[i].imag());
    }
}

} // namespace

double interpolation_weight(double t)
{
    static const double scale = 1.0 / std::cyl_bessel_i(0.0, KAISER_BETA);
    const double edge = t / HALF_KERNEL;
    if (std::abs(edge) >= 1.0)
        return 0.0;
    const double window =
        scale * std::cyl_bessel_i(0.0, KAISER_BETA * std::sqrt(1.0 - edge * edge));
    return t == 0.0 ? window : window * std::sin(M_PI * t) / (M_PI * t);
}

kernel_t interpolation_kernel(double fraction)
{
    kernel_t weights;
    for (int j = 0; j < KERNEL_SAMPLES; ++j)
        weights[j] =
            static_cast<float>(interpolation_weight(j - HALF_KERNEL + 1 - fraction));
    return weights;
}

kernel_t tabled_kernel(double fraction)
{
    static const std::vector<float> table = make_table();
    kernel_t weights;
    for (int j = 0; j < KERNEL_SAMPLES; ++j) {
        const double t = std::abs(j - HALF_KERNEL + 1 - fraction) * TABLE_STEPS;
        const int step = std::min(static_cast<int>(t), HALF_KERNEL * TABLE_STEPS);
        const auto part = static_cast<float>(t - step);
        weights[j] = table[step] + part * (table[step + 1] - table[step]);
    }
    return weights;
}

void interpolate(const gr_complex* x,
                 const kernel_t& weights,
                 gr_complex* y,
                 std::size_t count)
{
    const auto* in = reinterpret_cast<const float*>(x);
    std::fill_n(y, count, gr_complex());
    for (int j = 0; j < KERNEL_SAMPLES; j += 8)
        accumulate8(
            in + 2 * j, weights.data() + j, reinterpret_cast<float*>(y), 2 * count);
}

std::size_t moving_interpolator::segment_samples(double rate)
{
    std::size_t samples = PIECE;
    while (samples > 1 && std::abs(rate) * static_cast<double>(samples) > MOST_MOVE)
        samples /= 2;
    return samples;
}

void moving_interpolator::read(const read_position& position,
                               const sample_line& line,
                               uint64_t first,
                               gr_complex* y,
                               std::size_t count)
{
    const std::size_t length = segment_samples(position.rate);
    for (std::size_t done = 0; done < count;) {
        const uint64_t sample = first + done;
        const uint64_t start = sample - sample % length;
        const auto part = static_cast<std::size_t>(
            std::min<uint64_t>(count - done, length - sample % length));
        const double begin = position.offset_at(start);
        const double end = position.offset_at(start + length);
        const double whole = std::floor(begin);

        const kernel_t weights = tabled_kernel(begin - whole);
        kernel_t change = tabled_kernel(end - whole);
        for (int j = 0; j < KERNEL_SAMPLES; ++j)
            change[j] -= weights[j];

        const gr_complex* x = line.at(static_cast<int64_t>(sample) +
                                      static_cast<int64_t>(whole) - (HALF_KERNEL - 1));
        interpolate(x, weights, y + done, part);
        interpolate(x, change, d_change.data(), part);
        const float slope = 1.0f / static_cast<float>(length);
        add_ramp(y + done,
                 d_change.data(),
                 static_cast<float>(sample - start) * slope,
                 slope,
                 part);
        done += part;
    }
}

} // namespace semisac
} // namespace gr
