/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "frame/channel_estimator.h"
#include "frame/lfm.h"
#include <volk/volk.h>
#include <algorithm>
#include <cmath>

namespace gr {
namespace semisac {

channel_estimator::channel_estimator(const frame_parameters& parameters, int advance)
    : d_taps(parameters.prefix_samples + 1 + 2 * MORE_TAPS),
      d_used(parameters.used_subcarrier_count()),
      d_advance(advance),
      d_chirp_samples(2 * parameters.chirp_samples),
      d_waves(static_cast<std::size_t>(d_taps) * d_used),
      d_column(d_taps),
      d_chirps_known(d_taps),
      d_known(d_taps),
      d_solution(d_taps),
      d_forward(d_taps),
      d_before(d_taps)
{
    const std::vector<gr_complex> up = frame_chirp(parameters);
    d_chirps.assign(up.begin(), up.end());
    for (const gr_complex& value : up)
        d_chirps.push_back(std::conj(value));
    for (int lag = 0; lag < d_taps; ++lag)
        for (int n = lag; n < d_chirp_samples; ++n)
            d_column[lag] += std::conj(std::complex<double>(d_chirps[n - lag])) *
                             std::complex<double>(d_chirps[n]);

    // A transform that begins early sees all delays longer by as much.
    const std::vector<int> used = parameters.used_subcarriers();
    for (int tap = 0; tap < d_taps; ++tap)
        for (int i = 0; i < d_used; ++i)
            d_waves[static_cast<std::size_t>(tap) * d_used + i] = gr_complex(std::polar(
                1.0, 2.0 * M_PI * used[i] * (tap - MORE_TAPS) / parameters.fft_size));
}

std::vector<std::complex<double>>
channel_estimator::column_of_cells(const std::vector<float>& times) const
{
    // (S^H S)[a, b] = sum_k times[k] exp(j 2 pi k (a - b) / N)
    std::vector<std::complex<double>> column(d_taps);
    for (int tap = 0; tap < d_taps; ++tap)
        for (int i = 0; i < d_used; ++i)
            column[tap] += std::complex<double>(
                               d_waves[static_cast<std::size_t>(tap) * d_used + i]) *
                           std::conj(std::complex<double>(d_waves[i])) *
                           static_cast<double>(times[i]);
    return column;
}

void channel_estimator::set_chirps(const gr_complex* frame)
{
    gr_complex energy;
    volk_32fc_x2_conjugate_dot_prod_32fc(&energy, frame, frame, d_chirp_samples);
    d_chirp_energy = energy.real();
    for (int tap = 0; tap < d_taps; ++tap) {
        const int delay = tap - MORE_TAPS - d_advance;
        const int first = std::max(delay, 0); // of the frame's samples
        const int count = d_chirp_samples - std::abs(delay);
        gr_complex sum;
        volk_32fc_x2_conjugate_dot_prod_32fc(
            &sum, frame + first, d_chirps.data() + (first - delay), count);
        d_chirps_known[tap] = sum;
    }
    d_known = d_chirps_known;
}

void channel_estimator::add_cells(const gr_complex* sums)
{
    for (int tap = 0; tap < d_taps; ++tap) {
        gr_complex sum;
        volk_32fc_x2_dot_prod_32fc(
            &sum, sums, &d_waves[static_cast<std::size_t>(tap) * d_used], d_used);
        d_known[tap] += sum;
    }
}

// Levinson's recursion for a Hermitian Toeplitz matrix. The forward vector f of order n
// solves T_n f = (1, 0, ..., 0); the backward one is its conjugate, reversed.
void channel_estimator::solve(const std::vector<std::complex<double>>& column,
                              double load)
{
    d_load = load;
    const double diagonal = column[0].real() + load;
    d_forward[0] = 1.0 / diagonal;
    d_solution[0] = d_known[0] / diagonal;
    for (int order = 1; order < d_taps; ++order) {
        std::complex<double> forward_error = 0.0, solution_error = 0.0;
        for (int i = 0; i < order; ++i) {
            const std::complex<double> entry = column[order - i];
            forward_error += entry * d_forward[i];
            solution_error += entry * d_solution[i];
        }
        std::copy(d_forward.begin(), d_forward.begin() + order, d_before.begin());
        const double scale = 1.0 / (1.0 - std::norm(forward_error));
        d_forward[order] = 0.0;
        for (int i = 0; i <= order; ++i) {
            const std::complex<double> ahead = i < order ? d_before[i] : 0.0;
            const std::complex<double> behind =
                i > 0 ? std::conj(d_before[order - i]) : 0.0;
            d_forward[i] = scale * (ahead - forward_error * behind);
        }
        const std::complex<double> step = d_known[order] - solution_error;
        d_solution[order] = 0.0;
        for (int i = 0; i <= order; ++i)
            d_solution[i] += step * std::conj(d_forward[order - i]);
    }
}

double channel_estimator::residual(double energy) const
{
    // (S^H S + load) h = S^H y makes |y - S h|^2 = |y|^2 - Re h^H S^H y - load |h|^2.
    double explained = 0.0;
    for (int tap = 0; tap < d_taps; ++tap)
        explained += std::real(std::conj(d_solution[tap]) * d_known[tap]);
    return energy - explained - d_load * tap_energy();
}

double channel_estimator::tap_energy() const
{
    double energy = 0.0;
    for (const std::complex<double>& tap : d_solution)
        energy += std::norm(tap);
    return energy;
}

void channel_estimator::response(gr_complex* channel) const
{
    std::fill(channel, channel + d_used, gr_complex(0.0f));
    for (int tap = 0; tap < d_taps; ++tap) {
        const gr_complex value(d_solution[tap]);
        const gr_complex* wave = &d_waves[static_cast<std::size_t>(tap) * d_used];
        for (int i = 0; i < d_used; ++i) {
            const float wi = wave[i].real(), wq = -wave[i].imag();
            channel[i] += gr_complex(value.real() * wi - value.imag() * wq,
                                     value.real() * wq + value.imag() * wi);
        }
    }
}

} // namespace semisac
} // namespace gr
