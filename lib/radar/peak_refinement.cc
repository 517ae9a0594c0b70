/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "math/column_sums.h"
#include "math/phasor.h"
#include "radar/peak_refinement.h"
#include <volk/volk.h>
#include <algorithm>
#include <cmath>

namespace gr {
namespace semisac {

namespace {

// As in semisac_ml.signal.peak_refinement.
constexpr int NEWTON_STEPS = 12;
constexpr double CONVERGED = 1e-6; // step in cycles over the whole axis
constexpr int ANGLE_OVERSAMPLING = 8;
constexpr std::array<double, 5> START_OFFSETS = { -0.5, -0.25, 0.0, 0.25, 0.5 };
// Single precision: a step to the very maximum may seem to lose this much.
constexpr double ROUNDING = 1e-6;
// Slow times that are summed in single precision before they are added to the others.
constexpr int TIMES_TOGETHER = 64;

// Solves A x = b for a positive definite A of n rows by Cholesky; false if A is not.
bool solve(int n, std::array<std::array<double, 3>, 3> a, std::array<double, 3>& x)
{
    for (int i = 0; i < n; ++i) {
        for (int j = 0; j <= i; ++j) {
            double sum = a[i][j];
            for (int k = 0; k < j; ++k)
                sum -= a[i][k] * a[j][k];
            if (i == j && !(sum > 0.0))
                return false;
            a[i][j] = i == j ? std::sqrt(sum) : sum / a[j][j];
        }
    }
    for (int i = 0; i < n; ++i) {
        for (int k = 0; k < i; ++k)
            x[i] -= a[i][k] * x[k];
        x[i] /= a[i][i];
    }
    for (int i = n - 1; i >= 0; --i) {
        for (int k = i + 1; k < n; ++k)
            x[i] -= a[k][i] * x[k];
        x[i] /= a[i][i];
    }
    return true;
}

} // namespace

peak_refinement::peak_refinement(const map_geometry& geometry)
    : d_geometry(geometry),
      d_cells_energy(static_cast<double>(geometry.antennas) * geometry.slow_times *
                     geometry.spectrum_sum),
      d_columns(geometry.range_bins),
      d_part(geometry.range_bins),
      d_echo(geometry.range_bins),
      d_beam(std::max(geometry.slow_times, geometry.antennas))
{
    for (complex_buffer& times : d_times)
        times.resize(geometry.slow_times);
    for (int axis = 0; axis < 3; ++axis) {
        d_delay[axis].resize(geometry.range_bins);
        d_wave[axis].resize(geometry.coordinates[axis].size());
        if (geometry.extent[axis] > 1.0)
            d_free.push_back(axis);
    }
    const int half = geometry.range_bins / 2;
    for (int side : { 0, 1 }) {
        int first = (side + 1) * half, last = side * half;
        for (int bin = side * half; bin < (side + 1) * half; ++bin) {
            if (geometry.spectrum[bin] > 0.0f) {
                first = std::min(first, bin);
                last = bin + 1;
            }
        }
        d_first[side] = first;
        d_length[side] = std::max(0, last - first);
        constexpr int TOGETHER = static_cast<int>(COLUMNS_TOGETHER);
        d_begin[side] = first / TOGETHER * TOGETHER;
        const int end = (last + TOGETHER - 1) / TOGETHER * TOGETHER;
        d_count[side] =
            d_length[side] > 0 ? std::min(end, geometry.range_bins) - d_begin[side] : 0;
    }
}

// Conjugate wave along frequency, times its coordinate to the powers below `orders`.
void peak_refinement::set_delay_wave(double frequency, int orders)
{
    const std::vector<double>& coordinate = d_geometry.coordinates[0];
    const std::complex<double> turn = std::polar(1.0, 2.0 * M_PI * frequency);
    for (int side : { 0, 1 }) {
        const int first = d_first[side];
        if (d_length[side] == 0)
            continue;
        // from cell to cell the coordinate falls by one
        std::complex<double> wave =
            std::polar(1.0, -2.0 * M_PI * frequency * coordinate[first]);
        for (int bin = first; bin < first + d_length[side]; ++bin) {
            std::complex<double> term = wave;
            for (int order = 0; order < orders; ++order) {
                d_delay[order][bin] = gr_complex(term);
                term *= coordinate[bin];
            }
            wave = { wave.real() * turn.real() - wave.imag() * turn.imag(),
                     wave.real() * turn.imag() + wave.imag() * turn.real() };
        }
    }
}

// Coordinates of slow time and antennas grow by one.
void peak_refinement::set_wave(int axis, double frequency)
{
    const std::vector<double>& coordinate = d_geometry.coordinates[axis];
    const std::complex<double> turn = std::polar(1.0, -2.0 * M_PI * frequency);
    std::complex<double> wave =
        std::polar(1.0, -2.0 * M_PI * frequency * coordinate.front());
    for (std::complex<double>& one : d_wave[axis]) {
        one = wave;
        wave = { wave.real() * turn.real() - wave.imag() * turn.imag(),
                 wave.real() * turn.imag() + wave.imag() * turn.real() };
    }
}

// The wave of slow time as it is set, times its coordinate to the powers below `orders`.
void peak_refinement::set_times(int orders)
{
    for (int time = 0; time < d_geometry.slow_times; ++time) {
        std::complex<double> term = d_wave[1][time];
        for (int order = 0; order < orders; ++order) {
            d_times[order][time] = gr_complex(term);
            term *= d_geometry.coordinates[1][time];
        }
    }
}

// Cells of one antenna, weighted along slow time and summed there.
void peak_refinement::sum_times(const gr_complex* cells, int order)
{
    const int times = d_geometry.slow_times, bins = d_geometry.range_bins;
    for (int time = 0; time < times; time += TIMES_TOGETHER) {
        complex_buffer& sums = time == 0 ? d_columns : d_part;
        for (int side : { 0, 1 }) {
            const int begin = d_begin[side];
            column_sums(cells + static_cast<std::ptrdiff_t>(time) * bins + begin,
                        std::min(TIMES_TOGETHER, times - time),
                        bins,
                        d_count[side],
                        d_times[order].data() + time,
                        sums.data() + begin);
            if (time > 0)
                for (int bin = begin; bin < begin + d_count[side]; ++bin)
                    d_columns[bin] += d_part[bin];
        }
    }
}

std::complex<double> peak_refinement::row_sum(const gr_complex* row,
                                              const gr_complex* wave) const
{
    std::complex<double> sum = 0.0;
    for (int side : { 0, 1 }) {
        gr_complex part = 0.0f;
        if (d_length[side] > 0)
            volk_32fc_x2_dot_prod_32fc(
                &part, row + d_first[side], wave + d_first[side], d_length[side]);
        sum += std::complex<double>(part);
    }
    return sum;
}

std::complex<double> peak_refinement::correlation(const gr_complex* cells,
                                                  const wave_frequency& frequency)
{
    set_delay_wave(frequency[0], 1);
    set_wave(1, frequency[1]);
    set_wave(2, frequency[2]);
    set_times(1);
    std::complex<double> total = 0.0;
    for (int antenna = 0; antenna < d_geometry.antennas; ++antenna) {
        sum_times(cells, 0);
        total += d_wave[2][antenna] * row_sum(d_columns.data(), d_delay[0].data());
        cells += d_geometry.cells();
    }
    return total;
}

// S at [0][0], S_i at [0][1 + i], S_ij at [1 + i][1 + j] for i <= j.
peak_refinement::sums peak_refinement::moments(const gr_complex* cells,
                                               const wave_frequency& frequency)
{
    set_delay_wave(frequency[0], 3);
    set_wave(1, frequency[1]);
    set_wave(2, frequency[2]);
    set_times(3);
    sums total{};
    for (int antenna = 0; antenna < d_geometry.antennas; ++antenna) {
        const auto along_delay = [this](int order) {
            return row_sum(d_columns.data(), d_delay[order].data());
        };
        sum_times(cells, 0);
        const auto plain = along_delay(0), r = along_delay(1), rr = along_delay(2);
        sum_times(cells, 1);
        const auto d = along_delay(0), rd = along_delay(1);
        sum_times(cells, 2);
        const auto dd = along_delay(0);
        cells += d_geometry.cells();
        const double x = d_geometry.coordinates[2][antenna];
        const std::complex<double> wave = d_wave[2][antenna];
        total[0][0] += wave * plain;
        total[0][1] += wave * r;
        total[0][2] += wave * d;
        total[0][3] += wave * x * plain;
        total[1][1] += wave * rr;
        total[1][2] += wave * rd;
        total[1][3] += wave * x * r;
        total[2][2] += wave * dd;
        total[2][3] += wave * x * d;
        total[3][3] += wave * x * x * plain;
    }
    return total;
}

// Newton's step where the likelihood is concave, else one of Fisher scoring; no longer
// than half a resolution cell.
bool peak_refinement::newton_step(const sums& moment,
                                  const std::array<double, 3>& kept,
                                  std::array<double, 3>& step) const
{
    const std::complex<double> whole = moment[0][0];
    const double power = std::norm(whole);
    // derivatives of 1 / kept
    const double turn = -kept[1] / (kept[0] * kept[0]);
    const double bend = 2.0 * kept[1] * kept[1] / (kept[0] * kept[0] * kept[0]) -
                        kept[2] / (kept[0] * kept[0]);
    const auto count = static_cast<int>(d_free.size());
    std::array<std::array<double, 3>, 3> curvature{};
    std::array<double, 3> solution{};
    for (int i = 0; i < count; ++i) {
        const std::complex<double> first = moment[0][1 + d_free[i]];
        solution[i] = 4.0 * M_PI * (std::conj(whole) * first).imag();
        for (int j = 0; j <= i; ++j) {
            const std::complex<double> other = moment[0][1 + d_free[j]];
            const std::complex<double> second = moment[1 + d_free[j]][1 + d_free[i]];
            curvature[i][j] =
                -8.0 * M_PI * M_PI *
                (std::conj(other) * first - std::conj(whole) * second).real();
        }
    }
    // the likelihood is the power over what is kept of an echo's energy
    const auto along = [this](int i) { return d_free[i] == 1 ? 1.0 : 0.0; };
    for (int i = 0; i < count; ++i)
        for (int j = 0; j <= i; ++j)
            curvature[i][j] = curvature[i][j] / kept[0] -
                              turn * (solution[i] * along(j) + solution[j] * along(i)) -
                              power * bend * along(i) * along(j);
    for (int i = 0; i < count; ++i)
        solution[i] = solution[i] / kept[0] + power * turn * along(i);
    const std::array<double, 3> gradient = solution;
    if (!solve(count, curvature, solution))
        for (int i = 0; i < count; ++i)
            solution[i] = gradient[i] * kept[0] /
                          (8.0 * M_PI * M_PI * power * d_geometry.spread[d_free[i]]);
    double shorter = 1.0, longest = 0.0;
    for (int i = 0; i < count; ++i) {
        const double cells = std::abs(solution[i]) * d_geometry.extent[d_free[i]];
        shorter = std::min(shorter, 0.5 / (cells + 1e-30));
        longest = std::max(longest, cells);
    }
    step = {};
    for (int i = 0; i < count; ++i)
        step[d_free[i]] = shorter * solution[i];
    return std::isfinite(longest) && longest > 0.0;
}

wave_frequency peak_refinement::refine(const gr_complex* cells, wave_frequency frequency)
{
    for (int round = 0; round < NEWTON_STEPS; ++round) {
        const sums moment = moments(cells, frequency);
        const std::array<double, 3> kept = kept_share(frequency[1]);
        const double likelihood = std::norm(moment[0][0]) / kept[0];
        std::array<double, 3> step;
        if (!newton_step(moment, kept, step))
            break;
        wave_frequency next;
        for (int halving = 0; halving <= 6; ++halving) {
            for (int axis = 0; axis < 3; ++axis)
                next[axis] = frequency[axis] + step[axis];
            if (halving == 6 ||
                std::norm(correlation(cells, next)) / kept_share(next[1])[0] >=
                    likelihood * (1.0 - ROUNDING))
                break;
            for (double& part : step)
                part *= 0.5;
        }
        frequency = next;
        double longest = 0.0;
        for (int axis = 0; axis < 3; ++axis)
            longest = std::max(longest, std::abs(step[axis]) * d_geometry.extent[axis]);
        if (longest < CONVERGED)
            break;
    }
    return frequency;
}

gr_complex peak_refinement::amplitude(const gr_complex* cells,
                                      const wave_frequency& frequency)
{
    const std::complex<double> sum = correlation(cells, frequency);
    return gr_complex(sum / (d_cells_energy * kept_energy(frequency)));
}

void peak_refinement::add_echo(gr_complex* cells,
                               const wave_frequency& frequency,
                               gr_complex amplitude)
{
    set_delay_wave(frequency[0], 1);
    set_wave(1, frequency[1]);
    set_wave(2, frequency[2]);
    const bool zero_delay = d_removal == leakage_removal_t::ZERO_DELAY;
    const std::complex<double> taken =
        zero_delay ? std::complex<double>(amplitude) * mean_cell() : 0.0;
    if (d_removal == leakage_removal_t::STATIC) {
        std::complex<double> mean = 0.0;
        for (const std::complex<double>& wave : d_wave[1])
            mean += wave / static_cast<double>(d_geometry.slow_times);
        for (std::complex<double>& wave : d_wave[1])
            wave -= mean;
    }
    for (int side : { 0, 1 })
        for (int bin = d_first[side]; bin < d_first[side] + d_length[side]; ++bin)
            d_echo[bin] = d_geometry.spectrum[bin] * std::conj(d_delay[0][bin]);
    for (int antenna = 0; antenna < d_geometry.antennas; ++antenna) {
        const gr_complex gone(taken * std::conj(d_wave[2][antenna]));
        for (int time = 0; time < d_geometry.slow_times; ++time) {
            const gr_complex factor(std::complex<double>(amplitude) *
                                    std::conj(d_wave[1][time] * d_wave[2][antenna]));
            for (int side : { 0, 1 }) {
                const int first = d_first[side], length = d_length[side];
                add_scaled(cells + first, d_echo.data() + first, factor, length);
                if (zero_delay)
                    for (int bin = first; bin < first + length; ++bin)
                        cells[bin] -= d_geometry.spectrum[bin] * gone;
            }
            cells += d_geometry.range_bins;
        }
    }
}

// Largest beam at a cell of the map, on a grid of eight beams an antenna.
double peak_refinement::best_angle(const gr_complex* map, int row, int column)
{
    if (d_geometry.antennas == 1)
        return 0.0;
    const gr_complex* cell = map + row * d_geometry.range_bins + column;
    const int beams = ANGLE_OVERSAMPLING * d_geometry.antennas;
    double largest = -1.0, best = 0.0;
    for (int beam = 0; beam < beams; ++beam) {
        std::complex<double> sum = 0.0;
        for (int antenna = 0; antenna < d_geometry.antennas; ++antenna)
            sum += std::complex<double>(cell[antenna * d_geometry.map_cells()]) *
                   std::polar(1.0, -2.0 * M_PI * beam * antenna / beams);
        if (std::norm(sum) > largest) {
            largest = std::norm(sum);
            best = static_cast<double>(beam) / beams;
        }
    }
    return best >= 0.5 ? best - 1.0 : best;
}

wave_frequency peak_refinement::start(const gr_complex* map,
                                      const gr_complex* cells,
                                      int row,
                                      int column)
{
    wave_frequency best = { 0.0, 0.0, best_angle(map, row, column) };
    const double angle = best[2];
    set_wave(2, angle);
    double largest = -1.0;
    for (double delay_offset : START_OFFSETS) {
        const double delay = (column + delay_offset) / d_geometry.range_bins;
        set_delay_wave(delay, 1);
        std::fill(d_beam.begin(), d_beam.end(), std::complex<double>(0.0));
        const gr_complex* row_cells = cells;
        for (int antenna = 0; antenna < d_geometry.antennas; ++antenna) {
            for (int time = 0; time < d_geometry.slow_times; ++time) {
                d_beam[time] +=
                    d_wave[2][antenna] * row_sum(row_cells, d_delay[0].data());
                row_cells += d_geometry.range_bins;
            }
        }
        for (double doppler_offset : START_OFFSETS) {
            double doppler = (row - d_geometry.doppler_bins / 2 + doppler_offset) /
                             d_geometry.doppler_bins;
            if (d_geometry.slow_times == 1)
                doppler = 0.0; // every row is the same
            set_wave(1, doppler);
            std::complex<double> sum = 0.0;
            for (int time = 0; time < d_geometry.slow_times; ++time)
                sum += d_wave[1][time] * d_beam[time];
            const double likelihood = std::norm(sum) / kept_share(doppler)[0];
            if (likelihood > largest) {
                largest = likelihood;
                best = { delay, doppler, angle };
            }
        }
    }
    return best;
}

} // namespace semisac
} // namespace gr
