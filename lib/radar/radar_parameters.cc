/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "block/parameter_checks.h"
#include "math/power_of_two.h"
#include "math/speed_of_light.h"
#include <gnuradio/semisac/radar_parameters.h>
#include <algorithm>
#include <numeric>

namespace gr {
namespace semisac {

namespace {

constexpr int LARGEST_MAP_CELLS = 1 << 20;

template <typename T>
void require(const char* name, T value, T lowest, T highest, const char* hint)
{
    require_in_range(
        std::string("radar parameters: ") + name, value, lowest, highest, hint);
}

void require_multiple(const char* name, int value, int factor)
{
    if (value % factor != 0)
        throw std::invalid_argument("radar parameters: " + std::string(name) + " is " +
                                    std::to_string(value) + ", expected a multiple of " +
                                    std::to_string(factor) + "; take the next one.");
}

[[noreturn]] void
refuse_name(const std::string& parameter, const std::string& name, const char* expected)
{
    throw std::invalid_argument("radar parameters: " + parameter + " is \"" + name +
                                "\", expected " + expected +
                                "; give one of these names.");
}

} // namespace

radar_mode_t radar_mode_from_name(const std::string& name)
{
    if (name == "ofdm")
        return radar_mode_t::OFDM;
    if (name == "lfm")
        return radar_mode_t::LFM;
    refuse_name("mode", name, "\"ofdm\" or \"lfm\"");
}

radar_window_t radar_window_from_name(const std::string& parameter,
                                      const std::string& name)
{
    if (name == "rectangular")
        return radar_window_t::RECTANGULAR;
    if (name == "hamming")
        return radar_window_t::HAMMING;
    refuse_name(parameter, name, "\"rectangular\" or \"hamming\"");
}

radar_parameters::radar_parameters(const frame_parameters& frame_,
                                   radar_mode_t mode_,
                                   double carrier_hz_,
                                   int antennas_,
                                   double element_spacing_,
                                   int frames_per_interval_,
                                   int range_bins_,
                                   int doppler_bins_,
                                   radar_window_t range_window_,
                                   radar_window_t doppler_window_)
    : frame(frame_),
      mode(mode_),
      carrier_hz(carrier_hz_),
      antennas(antennas_),
      element_spacing(element_spacing_),
      frames_per_interval(frames_per_interval_),
      range_bins(range_bins_),
      doppler_bins(doppler_bins_),
      range_window(range_window_),
      doppler_window(doppler_window_)
{
    check_settings();
    check_sizes();
}

void radar_parameters::check_settings() const
{
    require("carrier_hz", carrier_hz, 1e3, 1e12, "give the carrier in Hz");
    require("antennas", antennas, 1, 64, "give the number of receive antennas");
    require("element_spacing",
            element_spacing,
            0.01,
            100.0,
            "give the spacing in wavelengths");
    require(
        "frames_per_interval", frames_per_interval, 1, 65536, "give the frames of a map");
}

void radar_parameters::check_sizes()
{
    const bool lfm = mode == radar_mode_t::LFM;
    const int least = lfm ? frame.chirp_samples : frame.fft_size;
    if (range_bins == 0)
        range_bins = lfm ? power_of_two(2 * least) : least;
    const int least_doppler = std::max(slow_times(), 2);
    if (doppler_bins == 0)
        doppler_bins = power_of_two(least_doppler);
    require("range_bins",
            range_bins,
            least,
            LARGEST_MAP_CELLS,
            "give the size of the range FFT");
    require("doppler_bins",
            doppler_bins,
            least_doppler,
            LARGEST_MAP_CELLS,
            "give the size of the Doppler FFT");
    require_multiple("range_bins", range_bins, 4);
    require_multiple("doppler_bins", doppler_bins, 2);
    if (map_cells() > LARGEST_MAP_CELLS)
        throw std::invalid_argument(
            "radar parameters: a map has " + std::to_string(map_cells()) +
            " cells, expected " + std::to_string(LARGEST_MAP_CELLS) +
            " or less; lower antennas, range_bins or doppler_bins.");
}

std::vector<std::vector<int>> radar_parameters::groups() const
{
    int first = 0;
    int count = frame.header_symbols() + frame.body_symbols();
    int together = 1;
    if (mode == radar_mode_t::LFM) {
        count = std::max(frame.pulses(), 1);
    } else if (frame.frame_type == frame_type_t::LFM) {
        first = frame.header_symbols();
        count = frame.body_symbols();
        together = frame.symbols_per_pulse;
    }
    if (frames_per_interval > 1)
        together = count;
    std::vector<std::vector<int>> found;
    for (int start = first; start < first + count; start += together) {
        found.emplace_back(together);
        std::iota(found.back().begin(), found.back().end(), start);
    }
    return found;
}

int radar_parameters::slow_times() const
{
    return frames_per_interval > 1 ? frames_per_interval
                                   : static_cast<int>(groups().size());
}

double radar_parameters::slow_time_s() const
{
    const bool ofdm_frames = frame.frame_type == frame_type_t::OFDM;
    int samples = ofdm_frames ? frame.symbol_samples() : frame.pulse_samples();
    if (frames_per_interval > 1 || (mode == radar_mode_t::LFM && ofdm_frames))
        samples = frame.frame_samples();
    return samples / frame.sample_rate_hz;
}

int radar_parameters::pulse_length() const
{
    const int interval = frame.frame_type == frame_type_t::LFM ? frame.pulse_samples()
                                                               : 2 * frame.chirp_samples;
    return std::min(interval, range_bins);
}

int radar_parameters::pulse_first(int pulse) const
{
    return frame.frame_type == frame_type_t::LFM ? frame.pulse_start(pulse) : 0;
}

double radar_parameters::cell_spacing_hz() const
{
    return mode == radar_mode_t::LFM ? frame.sample_rate_hz / range_bins
                                     : frame.subcarrier_spacing_hz();
}

double radar_parameters::coupling_s_per_hz() const
{
    return mode == radar_mode_t::LFM ? 1.0 / frame.chirp_rate_hz_per_s() : 0.0;
}

double radar_parameters::range_bin_m() const
{
    return SPEED_OF_LIGHT_MPS / (2.0 * range_bins * cell_spacing_hz());
}

double radar_parameters::velocity_bin_mps() const
{
    return SPEED_OF_LIGHT_MPS / (2.0 * carrier_hz * doppler_bins * slow_time_s());
}

} // namespace semisac
} // namespace gr
