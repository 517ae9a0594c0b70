/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/combined_noise.h"
#include "channel/sample_noise.h"
#include <algorithm>
#include <cmath>

namespace gr {
namespace semisac {

namespace {

constexpr double LEAST_PIVOT = 1e-12; // of the diagonal

std::complex<double> covariance(const gr_complex* a, const gr_complex* b, int count)
{
    std::complex<double> sum = 0.0;
    for (int n = 0; n < count; ++n)
        sum += std::complex<double>(a[n]) * std::conj(std::complex<double>(b[n]));
    return sum;
}

} // namespace

void find_noise_factor(const gr_complex* combiner,
                       int chains,
                       int antennas,
                       std::complex<double>* factor)
{
    std::fill_n(factor, chains * chains, 0.0);
    const auto beam = [=](int chain) {
        return combiner + static_cast<std::size_t>(chain) * antennas;
    };
    for (int column = 0; column < chains; ++column) {
        const double power = covariance(beam(column), beam(column), antennas).real();
        double root = 0.0;
        for (int row = column; row < chains; ++row) {
            std::complex<double> left = covariance(beam(row), beam(column), antennas);
            for (int k = 0; k < column; ++k)
                left -= factor[row * chains + k] * std::conj(factor[column * chains + k]);
            if (row == column) {
                if (!(left.real() > LEAST_PIVOT * power))
                    break;
                root = std::sqrt(left.real());
            }
            factor[row * chains + column] = left / root;
        }
    }
}

void combined_noise::add(gr_complex* y,
                         const std::complex<double>* factor,
                         float amplitude,
                         uint64_t frame,
                         uint64_t row)
{
    sample_noise noise(d_seed, d_stream, frame);
    const uint64_t first = row * d_white.size();
    for (std::size_t done = 0; done < d_white.size(); done += PIECE)
        noise.values(d_white.data() + done,
                     first + done,
                     std::min<std::size_t>(PIECE, d_white.size() - done));
    for (int r = 0; r < d_chains; ++r) {
        for (int c = 0; c <= r; ++c) {
            const gr_complex gain(static_cast<double>(amplitude) *
                                  factor[r * d_chains + c]);
            for (int n = 0; n < d_subcarriers; ++n) {
                const std::size_t place = static_cast<std::size_t>(n) * d_chains;
                y[place + r] += multiply(gain, d_white[place + c]);
            }
        }
    }
}

} // namespace semisac
} // namespace gr
