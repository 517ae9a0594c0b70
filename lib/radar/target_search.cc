/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "math/fft_batch.h"
#include "math/speed_of_light.h"
#include "radar/target_search.h"
#include <volk/volk.h>
#include <algorithm>
#include <cmath>
#include <limits>

namespace gr {
namespace semisac {

namespace {

// As in semisac_ml.signal.radar_detection.
constexpr double NEAR_CELLS = 3.0;
constexpr int RELAX_ROUNDS = 4;
constexpr double NEGATIVE_RANGE_SHARE = 0.1;
constexpr double LEAST_SNR = 1e-3;

// x + j 1 for the integer j that brings it to [-1/2, 1/2).
double centred(double cycles) { return cycles + 0.5 - std::floor(cycles + 0.5) - 0.5; }

// Cramér-Rao deviation of a frequency from the spread of its coordinates.
double deviation(double snr, double spread)
{
    if (spread == 0.0)
        return std::numeric_limits<double>::infinity();
    return 1.0 / (2.0 * M_PI * std::sqrt(2.0 * snr * spread));
}

int wrapped(int place, int size) { return (place % size + size) % size; }

} // namespace

target_search::target_search(const radar_parameters& parameters,
                             const cfar_settings& settings)
    : d_geometry(parameters),
      d_most_targets(settings.most_targets),
      d_transform(d_geometry),
      d_threshold(d_geometry, settings),
      d_refinement(d_geometry),
      d_residual(d_geometry.antennas * d_geometry.cells()),
      d_plane(d_geometry.map_cells()),
      d_map(d_geometry.antennas * d_geometry.map_cells()),
      d_power(d_geometry.map_cells()),
      d_power_of_antenna(d_geometry.map_cells()),
      d_of_row(d_geometry.map_cells()),
      d_of_square(d_geometry.range_bins)
{
    set_noise_shares();
    d_targets.reserve(d_most_targets);
    d_near.reserve(d_most_targets);
    d_detections.reserve(d_most_targets);
}

// 1 - M |mean of w exp(-j 2 pi m p)|^2 / sum w^2 in each row.
void target_search::set_noise_shares()
{
    const std::vector<float>& weights = d_geometry.doppler_weights;
    double energy = 0.0;
    for (float weight : weights)
        energy += static_cast<double>(weight) * weight;
    const int rows = d_geometry.doppler_bins;
    complex_buffer spectrum(rows);
    const fft_batch transform(
        { rows, 1, 1, rows }, true, spectrum.data(), spectrum.data());
    std::fill(spectrum.begin(), spectrum.end(), gr_complex(0.0f));
    std::copy(weights.begin(), weights.end(), spectrum.begin());
    transform.execute(spectrum.data(), spectrum.data());
    for (int row = 0; row < rows; ++row) {
        const double taken =
            std::norm(std::complex<double>(spectrum[(row + rows / 2) % rows])) /
            static_cast<double>(weights.size());
        d_noise_shares.push_back(static_cast<float>(1.0 - taken / energy));
    }
}

// Power over the share of the noise that is left of it; the row of speed zero, in which
// nothing is left, is the mean of those beside it.
void target_search::even_out_noise()
{
    const int rows = d_geometry.doppler_bins, columns = d_geometry.range_bins;
    if (d_geometry.slow_times == 1) {
        std::fill(d_power.begin(), d_power.end(), 0.0f);
        return;
    }
    for (int row = 0; row < rows; ++row) {
        if (row != rows / 2)
            volk_32f_s32f_multiply_32f(&d_power[row * columns],
                                       &d_power[row * columns],
                                       1.0f / d_noise_shares[row],
                                       columns);
    }
    const float* below = &d_power[(rows / 2 - 1) * columns];
    const float* above = &d_power[(rows / 2 + 1) % rows * columns];
    float* standing = &d_power[rows / 2 * columns];
    for (int column = 0; column < columns; ++column)
        standing[column] = 0.5f * (below[column] + above[column]);
}

void target_search::sum_power(const gr_complex* map)
{
    std::fill(d_power.begin(), d_power.end(), 0.0f);
    for (int antenna = 0; antenna < d_geometry.antennas; ++antenna) {
        volk_32fc_magnitude_squared_32f(
            d_power_of_antenna.data(), map, d_power_of_antenna.size());
        volk_32f_x2_add_32f(
            d_power.data(), d_power.data(), d_power_of_antenna.data(), d_power.size());
        map += d_power.size();
    }
    if (d_static_removed)
        even_out_noise();
}

void target_search::transform_residual()
{
    for (int antenna = 0; antenna < d_geometry.antennas; ++antenna) {
        d_transform.to_map(d_residual.data() + antenna * d_geometry.cells(),
                           d_plane.data());
        std::copy(
            d_plane.begin(), d_plane.end(), d_map.data() + antenna * d_plane.size());
    }
    sum_power(d_map.data());
}

void target_search::set_row_maxima()
{
    const int columns = d_geometry.range_bins;
    for (int row = 0; row < d_geometry.doppler_bins; ++row) {
        const float* power = &d_power[row * columns];
        float* largest = &d_of_row[row * columns];
        std::copy_n(power, columns, largest);
        volk_32f_x2_max_32f(largest + 1, largest + 1, power, columns - 1);
        volk_32f_x2_max_32f(largest, largest, power + 1, columns - 1);
        largest[0] = std::max(largest[0], power[columns - 1]);
        largest[columns - 1] = std::max(largest[columns - 1], power[0]);
    }
}

// Place of the strongest local maximum above its threshold, or -1.
int target_search::strongest_above(double factor)
{
    const int rows = d_geometry.doppler_bins, columns = d_geometry.range_bins;
    set_row_maxima();
    float strongest = -1.0f;
    int place = -1;
    for (int row = 0; row < rows; ++row) {
        if (d_static_removed && row == rows / 2)
            continue;
        const float* power = &d_power[row * columns];
        const float* below = &d_of_row[(row == 0 ? rows - 1 : row - 1) * columns];
        const float* above = &d_of_row[(row == rows - 1 ? 0 : row + 1) * columns];
        float* largest = d_of_square.data();
        volk_32f_x2_max_32f(largest, &d_of_row[row * columns], below, columns);
        volk_32f_x2_max_32f(largest, largest, above, columns);
        for (int column = 0; column < columns; ++column) {
            if (power[column] < largest[column] || !(power[column] > strongest))
                continue;
            if (d_threshold.is_exceeded(d_power.data(), row, column, factor)) {
                strongest = power[column];
                place = row * columns + column;
            }
        }
    }
    return place;
}

// Refines a target on the residual and its own echo, and takes its echo out again.
void target_search::fit(target& one)
{
    if (one.amplitude != 0.0f)
        d_refinement.add_echo(d_residual.data(), one.frequency, one.amplitude);
    one.frequency = d_refinement.refine(d_residual.data(), one.frequency);
    one.amplitude = d_refinement.amplitude(d_residual.data(), one.frequency);
    d_refinement.add_echo(d_residual.data(), one.frequency, -one.amplitude);
}

bool target_search::are_near(const target& one, const target& other) const
{
    for (int axis : { 0, 1 }) {
        const double apart = centred(one.frequency[axis] - other.frequency[axis]);
        if (std::abs(apart) * d_geometry.extent[axis] >= NEAR_CELLS)
            return false;
    }
    return true;
}

void target_search::add_target(int place)
{
    const int row = place / d_geometry.range_bins, column = place % d_geometry.range_bins;
    d_targets.push_back(
        { d_refinement.start(d_map.data(), d_residual.data(), row, column), 0.0f });
    const std::size_t added = d_targets.size() - 1;
    fit(d_targets[added]);
    d_near.clear();
    for (std::size_t i = 0; i < added; ++i)
        if (are_near(d_targets[i], d_targets[added]))
            d_near.push_back(i);
    if (d_near.empty())
        return;
    for (int round = 0; round < RELAX_ROUNDS; ++round) {
        for (std::size_t i : d_near)
            fit(d_targets[i]);
        fit(d_targets[added]);
    }
}

double target_search::noise_variance_at(const target& one)
{
    const int row =
        static_cast<int>(std::lrint(one.frequency[1] * d_geometry.doppler_bins)) +
        d_geometry.doppler_bins / 2;
    const int column =
        static_cast<int>(std::lrint(one.frequency[0] * d_geometry.range_bins));
    return d_threshold.noise_variance(
        d_threshold.level(d_power.data(),
                          wrapped(row, d_geometry.doppler_bins),
                          wrapped(column, d_geometry.range_bins)));
}

radar_detection target_search::measure(const target& one)
{
    constexpr double NOT_MEASURED = std::numeric_limits<double>::quiet_NaN();
    const double cells =
        d_geometry.antennas * d_geometry.slow_times * d_geometry.spectrum_sum;
    const double noise = noise_variance_at(one);
    const double kept = d_refinement.kept_energy(one.frequency);
    const double snr =
        std::max(std::norm(one.amplitude) * kept * cells / noise - 1.0, LEAST_SNR);
    const double metres = 0.5 * SPEED_OF_LIGHT_MPS; // a second there and back
    const double metres_a_second = metres / d_geometry.carrier_hz;
    const double coupling = d_geometry.coupling_s_per_hz;

    const double doppler_hz = centred(one.frequency[1]) / d_geometry.slow_time_s;
    const double doppler_deviation =
        deviation(snr, d_refinement.doppler_spread(one.frequency[1])) /
        d_geometry.slow_time_s;
    const double shifted = one.frequency[0] + NEGATIVE_RANGE_SHARE;
    const double cycles = shifted - std::floor(shifted) - NEGATIVE_RANGE_SHARE;
    const double delay_s = cycles / d_geometry.cell_spacing_hz + coupling * doppler_hz;
    double delay_deviation =
        deviation(snr, d_geometry.spread[0]) / d_geometry.cell_spacing_hz;
    if (coupling > 0.0 && std::isfinite(doppler_deviation))
        delay_deviation = std::hypot(delay_deviation, coupling * doppler_deviation);

    radar_detection found{
        metres * delay_s,         NOT_MEASURED, NOT_MEASURED, 10.0 * std::log10(snr),
        metres * delay_deviation, NOT_MEASURED, NOT_MEASURED
    };
    if (d_geometry.slow_times > 1) {
        found.velocity_mps = metres_a_second * doppler_hz;
        found.velocity_deviation_mps = metres_a_second * doppler_deviation;
    }
    if (d_geometry.antennas > 1) {
        const double sine = centred(one.frequency[2]) / d_geometry.element_spacing;
        found.azimuth_rad = std::asin(std::clamp(sine, -1.0, 1.0));
        found.azimuth_deviation_rad = deviation(snr, d_geometry.spread[2]) /
                                      d_geometry.element_spacing /
                                      std::cos(found.azimuth_rad);
    }
    return found;
}

const std::vector<radar_detection>&
target_search::search(const gr_complex* map, double factor, leakage_removal_t removal)
{
    d_static_removed = removal == leakage_removal_t::STATIC;
    d_refinement.set_removal(removal);
    d_targets.clear();
    d_detections.clear();
    const std::size_t size = d_geometry.antennas * d_geometry.map_cells();
    std::copy_n(map, size, d_map.data());
    sum_power(d_map.data());
    bool taken_apart = false;
    while (d_targets.size() < d_most_targets) {
        const int place = strongest_above(factor);
        if (place < 0)
            break;
        if (!taken_apart) {
            for (int antenna = 0; antenna < d_geometry.antennas; ++antenna)
                d_transform.to_cells(map + antenna * d_geometry.map_cells(),
                                     d_residual.data() + antenna * d_geometry.cells());
            d_refinement.remove_leakage(d_residual.data());
            taken_apart = true;
        }
        add_target(place);
        transform_residual();
    }
    if (d_targets.empty())
        return d_detections;
    if (d_targets.size() > 1) { // the first was refined beside the others' side lobes
        for (target& one : d_targets)
            fit(one);
        transform_residual();
    }
    for (const target& one : d_targets)
        d_detections.push_back(measure(one));
    std::sort(d_detections.begin(),
              d_detections.end(),
              [](const radar_detection& one, const radar_detection& other) {
                  return one.snr_db > other.snr_db;
              });
    return d_detections;
}

} // namespace semisac
} // namespace gr
