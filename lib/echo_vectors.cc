/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "echo_vectors.h"
#include "frame_mapping.h"
#include <cmath>
#include <complex>

namespace gr {
namespace semisac {

namespace {

constexpr double LEAST_STATISTIC = 6.9; // -ln 1e-3

} // namespace

echo_vectors::echo_vectors(const frame_parameters& parameters)
    : d_fft_size(parameters.fft_size),
      d_channel_uses(parameters.channel_uses),
      d_turn(parameters.fft_size, gr_complex(1.0f))
{
    const frame_mapping mapping(parameters);
    for (int cell : mapping.body_cells) {
        const int symbol = cell / mapping.used;
        const int bin = mapping.bins[cell % mapping.used];
        d_index.push_back(symbol * d_fft_size + bin);
        d_bin.push_back(bin);
        d_sign.push_back(mapping.signs[cell]);
    }
}

void echo_vectors::set_delay_samples(double delay_samples)
{
    if (delay_samples == d_delay_samples)
        return;
    d_delay_samples = delay_samples;
    for (int bin = 0; bin < d_fft_size; ++bin) {
        const int subcarrier = bin < d_fft_size / 2 ? bin : bin - d_fft_size;
        d_turn[bin] = gr_complex(
            std::polar(1.0, 2.0 * M_PI * subcarrier * delay_samples / d_fft_size));
    }
}

void echo_vectors::read(const gr_complex* received,
                        double noise_power,
                        int images,
                        gr_complex* symbols) const
{
    const auto scale = static_cast<float>(1.0 / std::sqrt(noise_power));
    const int count = images * d_channel_uses;
    for (int i = 0; i < count; ++i) {
        const gr_complex y = received[d_index[i]], turn = d_turn[d_bin[i]];
        const float factor = scale * d_sign[i];
        symbols[i] =
            gr_complex(factor * (y.real() * turn.real() - y.imag() * turn.imag()),
                       factor * (y.real() * turn.imag() + y.imag() * turn.real()));
    }
}

double
echo_vectors::snr(const gr_complex* sent, const gr_complex* symbols, int images) const
{
    // The spectrum of what was sent is the square root of fft_size larger than x.
    float real = 0.0f, imaginary = 0.0f, energy = 0.0f;
    const int count = images * d_channel_uses;
    for (int i = 0; i < count; ++i) {
        const gr_complex x = d_sign[i] * sent[d_index[i]], y = symbols[i];
        real += y.real() * x.real() + y.imag() * x.imag();
        imaginary += y.imag() * x.real() - y.real() * x.imag();
        energy += x.real() * x.real() + x.imag() * x.imag();
    }
    if (energy <= 0.0f)
        return -1.0;
    const double statistic =
        (static_cast<double>(real) * real + static_cast<double>(imaginary) * imaginary) /
        energy;
    if (statistic < LEAST_STATISTIC)
        return -1.0;
    return (statistic - 1.0) * d_fft_size / energy;
}

} // namespace semisac
} // namespace gr
