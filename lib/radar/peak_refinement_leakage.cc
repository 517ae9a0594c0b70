/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "radar/peak_refinement.h"
#include <algorithm>
#include <cmath>

namespace gr {
namespace semisac {

// What the removal of leakage leaves of an echo; see semisac_ml.signal.peak_refinement.

namespace {

constexpr double LEAST_KEPT = 1e-2;    // of an echo's energy
constexpr double LEAST_DOPPLER = 1e-3; // resolution cells from speed zero

} // namespace

// Mean of exp(j 2 pi m p) over slow time, real for it is centred, and its first two
// derivatives.
std::array<double, 3> peak_refinement::mean_wave(double doppler) const
{
    const double least = LEAST_DOPPLER / d_geometry.slow_times;
    doppler -= std::floor(doppler + 0.5);
    if (std::abs(doppler) < least)
        doppler = std::copysign(least, doppler);
    std::array<double, 3> sum{};
    for (double time : d_geometry.coordinates[1]) {
        const double turn = 2.0 * M_PI * time;
        const double cosine = std::cos(turn * doppler), sine = std::sin(turn * doppler);
        sum[0] += cosine;
        sum[1] -= turn * sine;
        sum[2] -= turn * turn * cosine;
    }
    for (double& one : sum)
        one /= d_geometry.slow_times;
    return sum;
}

// See semisac_ml.signal.peak_refinement.kept_share.
std::array<double, 3> peak_refinement::kept_share(double doppler) const
{
    if (d_removal != leakage_removal_t::STATIC)
        return { 1.0, 0.0, 0.0 };
    const auto [mean, slope, curvature] = mean_wave(doppler);
    return { 1.0 - mean * mean,
             -2.0 * mean * slope,
             -2.0 * (slope * slope + mean * curvature) };
}

// Mean of the waves as set, over frequency, weighted by the spectrum, and slow time.
std::complex<double> peak_refinement::mean_cell() const
{
    std::complex<double> delay = 0.0, doppler = 0.0;
    for (int bin = 0; bin < d_geometry.range_bins; ++bin)
        if (d_geometry.spectrum[bin] > 0.0f)
            delay += static_cast<double>(d_geometry.spectrum[bin]) *
                     std::complex<double>(d_delay[0][bin]);
    for (const std::complex<double>& wave : d_wave[1])
        doppler += wave;
    return std::conj(delay / d_geometry.spectrum_sum * doppler /
                     static_cast<double>(d_geometry.slow_times));
}

double peak_refinement::kept_energy(const wave_frequency& frequency)
{
    if (d_removal != leakage_removal_t::ZERO_DELAY)
        return kept_share(frequency[1])[0];
    set_delay_wave(frequency[0], 1);
    set_wave(1, frequency[1]);
    return std::max(1.0 - std::norm(mean_cell()), LEAST_KEPT);
}

void peak_refinement::remove_leakage(gr_complex* cells) const
{
    const int bins = d_geometry.range_bins, times = d_geometry.slow_times;
    for (int antenna = 0; antenna < d_geometry.antennas;
         ++antenna, cells += times * bins) {
        if (d_removal == leakage_removal_t::ZERO_DELAY) {
            std::complex<double> sum = 0.0;
            for (int64_t cell = 0; cell < d_geometry.cells(); ++cell)
                sum += std::complex<double>(cells[cell]);
            const gr_complex mean(sum / (times * d_geometry.spectrum_sum));
            for (int64_t cell = 0; cell < d_geometry.cells(); ++cell)
                cells[cell] -= mean * d_geometry.spectrum[cell % bins];
        } else if (d_removal == leakage_removal_t::STATIC) {
            for (int bin = 0; bin < bins; ++bin) {
                std::complex<double> sum = 0.0;
                for (int time = 0; time < times; ++time)
                    sum += std::complex<double>(cells[time * bins + bin]);
                const gr_complex mean(sum / static_cast<double>(times));
                for (int time = 0; time < times; ++time)
                    cells[time * bins + bin] -= mean;
            }
        }
    }
}

double peak_refinement::doppler_spread(double doppler) const
{
    const double spread = d_geometry.spread[1];
    if (d_removal != leakage_removal_t::STATIC || spread == 0.0)
        return spread;
    const auto [mean, slope, curvature] = mean_wave(doppler);
    const double kept = 1.0 - mean * mean;
    return (spread - slope * slope / (4.0 * M_PI * M_PI * kept)) / kept;
}

} // namespace semisac
} // namespace gr
