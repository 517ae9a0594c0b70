/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "frame/frame_mapping.h"
#include "radar/echo_vectors.h"
#include <volk/volk.h>
#include <cmath>
#include <complex>

namespace gr {
namespace semisac {

namespace {

constexpr double LEAST_STATISTIC = 6.9; // -ln 1e-3

} // namespace

echo_vectors::echo_vectors(const frame_parameters& parameters)
    : d_fft_size(parameters.fft_size), d_channel_uses(parameters.channel_uses)
{
    const frame_mapping mapping(parameters);
    for (int cell : mapping.body_cells) {
        const int symbol = cell / mapping.used;
        const int bin = mapping.bins[cell % mapping.used];
        d_index.push_back(symbol * d_fft_size + bin);
        d_subcarrier.push_back(bin < d_fft_size / 2 ? bin : bin - d_fft_size);
        d_time.push_back(parameters.symbol_start(symbol) + parameters.prefix_samples);
        d_sign.push_back(mapping.signs[cell]);
        d_turn.push_back(mapping.signs[cell]);
    }
}

void echo_vectors::set_gate(double delay_samples, double doppler)
{
    if (delay_samples == d_delay_samples && doppler == d_doppler)
        return;
    d_delay_samples = delay_samples;
    d_doppler = doppler;
    for (std::size_t i = 0; i < d_index.size(); ++i) {
        const double cycles =
            d_subcarrier[i] * delay_samples / d_fft_size - doppler * d_time[i];
        d_turn[i] = d_sign[i] * gr_complex(std::polar(1.0, 2.0 * M_PI * cycles));
    }
}

gr_complex echo_vectors::leakage(const gr_complex* sent,
                                 const gr_complex* received,
                                 int images) const
{
    std::complex<double> product = 0.0;
    double energy = 0.0;
    const int count = images * d_channel_uses;
    for (int i = 0; i < count; ++i) {
        const std::complex<double> x = sent[d_index[i]], y = received[d_index[i]];
        product += y * std::conj(x);
        energy += std::norm(x);
    }
    return energy > 0.0 ? gr_complex(product / energy) : gr_complex(0.0f);
}

void echo_vectors::read(const gr_complex* sent,
                        const gr_complex* received,
                        gr_complex leakage,
                        double noise_power,
                        int images,
                        gr_complex* symbols) const
{
    const auto scale = static_cast<float>(1.0 / std::sqrt(noise_power));
    const int count = images * d_channel_uses;
    for (int i = 0; i < count; ++i) {
        const gr_complex x = sent[d_index[i]], turn = d_turn[i];
        const gr_complex y =
            received[d_index[i]] -
            gr_complex(x.real() * leakage.real() - x.imag() * leakage.imag(),
                       x.real() * leakage.imag() + x.imag() * leakage.real());
        symbols[i] =
            gr_complex(scale * (y.real() * turn.real() - y.imag() * turn.imag()),
                       scale * (y.real() * turn.imag() + y.imag() * turn.real()));
    }
}

echo_vectors::correlation echo_vectors::correlate(const gr_complex* sent,
                                                  const gr_complex* symbols,
                                                  int images) const
{
    float real = 0.0f, imaginary = 0.0f, energy = 0.0f;
    const int count = images * d_channel_uses;
    for (int i = 0; i < count; ++i) {
        const gr_complex x = d_sign[i] * sent[d_index[i]], y = symbols[i];
        real += y.real() * x.real() + y.imag() * x.imag();
        imaginary += y.imag() * x.real() - y.real() * x.imag();
        energy += x.real() * x.real() + x.imag() * x.imag();
    }
    return { gr_complex(real, imaginary), energy };
}

double
echo_vectors::snr(const gr_complex* sent, const gr_complex* symbols, int images) const
{
    const correlation found = correlate(sent, symbols, images);
    if (found.energy <= 0.0f)
        return -1.0;
    const double statistic =
        std::norm(std::complex<double>(found.product)) / found.energy;
    if (statistic < LEAST_STATISTIC)
        return -1.0;
    // The spectrum of what was sent is the square root of fft_size larger than x.
    return (statistic - 1.0) * d_fft_size / found.energy;
}

} // namespace semisac
} // namespace gr
