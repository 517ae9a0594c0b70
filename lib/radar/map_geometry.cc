/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "frame/lfm.h"
#include "math/fft_batch.h"
#include "radar/map_geometry.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace gr {
namespace semisac {

namespace {

double window_weight(radar_window_t window, double distance, double length)
{
    if (window == radar_window_t::RECTANGULAR)
        return 1.0;
    return 0.54 + 0.46 * std::cos(2.0 * M_PI * distance / length);
}

} // namespace

std::vector<gr_complex> chirp_spectrum(const radar_parameters& parameters)
{
    const int size = parameters.range_bins;
    complex_buffer buffer(size);
    const fft_batch transform({ size, 1, 1, size }, true, buffer.data(), buffer.data());
    std::fill(buffer.begin(), buffer.end(), gr_complex(0.0f));
    const std::vector<gr_complex> chirp = frame_chirp(parameters.frame);
    std::copy(chirp.begin(), chirp.end(), buffer.begin());
    transform.execute(buffer.data(), buffer.data());

    const double spacing_hz = parameters.frame.sample_rate_hz / size;
    const int edge = static_cast<int>(
        std::floor(parameters.frame.chirp_bandwidth_hz / 2.0 / spacing_hz));
    for (int bin = edge + 1; bin < size - edge; ++bin)
        buffer[bin] = 0.0f;
    return { buffer.begin(), buffer.end() };
}

map_geometry::map_geometry(const radar_parameters& parameters)
    : antennas(parameters.antennas),
      slow_times(parameters.slow_times()),
      doppler_bins(parameters.doppler_bins),
      range_bins(parameters.range_bins),
      carrier_hz(parameters.carrier_hz),
      cell_spacing_hz(parameters.cell_spacing_hz()),
      slow_time_s(parameters.slow_time_s()),
      element_spacing(parameters.element_spacing),
      coupling_s_per_hz(parameters.coupling_s_per_hz()),
      spectrum(parameters.range_bins),
      range_weights(parameters.range_bins),
      doppler_weights(slow_times)
{
    set_spectrum(parameters);
    set_weights(parameters);
    set_coordinates();
}

void map_geometry::set_spectrum(const radar_parameters& parameters)
{
    if (parameters.mode == radar_mode_t::LFM) {
        const std::vector<gr_complex> chirp = chirp_spectrum(parameters);
        double sum = 0.0;
        int occupied = 0;
        for (int bin = 0; bin < range_bins; ++bin) {
            spectrum[bin] = std::norm(chirp[bin]);
            sum += spectrum[bin];
            occupied += spectrum[bin] > 0.0f;
        }
        for (float& power : spectrum)
            power *= static_cast<float>(occupied / sum);
    } else {
        for (int k : parameters.frame.used_subcarriers())
            spectrum[(k + range_bins) % range_bins] = 1.0f;
    }
    spectrum_sum = std::accumulate(spectrum.begin(), spectrum.end(), 0.0);
}

void map_geometry::set_weights(const radar_parameters& parameters)
{
    int low = range_bins, high = -range_bins;
    for (int bin = 0; bin < range_bins; ++bin) {
        if (spectrum[bin] > 0.0f) {
            low = std::min(low, frequency_index(bin));
            high = std::max(high, frequency_index(bin));
        }
    }
    extent = { high - low + 1.0, 1.0 * slow_times, 1.0 * antennas };

    double range_noise = 0.0, doppler_noise = 0.0;
    for (int bin = 0; bin < range_bins; ++bin) {
        if (spectrum[bin] > 0.0f) {
            const double weight = window_weight(parameters.range_window,
                                                frequency_index(bin) - 0.5 * (low + high),
                                                extent[0]);
            range_weights[bin] = weight;
            range_noise += weight * weight * spectrum[bin];
        }
    }
    for (int time = 0; time < slow_times; ++time) {
        const double weight = window_weight(
            parameters.doppler_window, time - 0.5 * (slow_times - 1), slow_times);
        doppler_weights[time] = weight;
        doppler_noise += weight * weight;
    }
    scale = 1.0 / std::sqrt(range_noise * doppler_noise);
}

void map_geometry::set_coordinates()
{
    coordinates[0].resize(range_bins);
    double centre = 0.0;
    for (int bin = 0; bin < range_bins; ++bin)
        centre -= spectrum[bin] * frequency_index(bin) / spectrum_sum;
    spread[0] = 0.0;
    for (int bin = 0; bin < range_bins; ++bin) {
        const double coordinate = -frequency_index(bin) - centre;
        coordinates[0][bin] = coordinate;
        spread[0] += spectrum[bin] * coordinate * coordinate / spectrum_sum;
    }
    for (int axis : { 1, 2 }) {
        const int length = axis == 1 ? slow_times : antennas;
        coordinates[axis].resize(length);
        for (int i = 0; i < length; ++i)
            coordinates[axis][i] = i - 0.5 * (length - 1);
        spread[axis] = (static_cast<double>(length) * length - 1.0) / 12.0;
    }
}

} // namespace semisac
} // namespace gr
