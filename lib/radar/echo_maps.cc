/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "radar/echo_maps.h"
#include <volk/volk.h>
#include <algorithm>
#include <cmath>
#include <limits>

namespace gr {
namespace semisac {

symbol_spectra::symbol_spectra(const frame_parameters& parameters)
    : d_fft_size(parameters.fft_size),
      d_count(parameters.header_symbols() + parameters.body_symbols()),
      d_planned(size()),
      d_transform({ d_fft_size, d_count, 1, d_fft_size },
                  true,
                  d_planned.data(),
                  d_planned.data())
{
    for (int symbol = 0; symbol < d_count; ++symbol)
        d_starts.push_back(parameters.symbol_start(symbol) + parameters.prefix_samples);
}

void symbol_spectra::transform(const gr_complex* frame, gr_complex* spectra) const
{
    gr_complex* symbol = spectra;
    for (int start : d_starts) {
        std::copy_n(frame + start, d_fft_size, symbol);
        symbol += d_fft_size;
    }
    d_transform.execute(spectra, spectra);
}

echo_maps::echo_maps(const radar_parameters& parameters)
    : d_parameters(parameters),
      d_geometry(parameters),
      d_transform(d_geometry),
      d_groups(parameters.groups()),
      d_cells(parameters.mode == radar_mode_t::LFM ? parameters.range_bins
                                                   : parameters.frame.fft_size),
      d_products(static_cast<std::size_t>(parameters.antennas) * d_geometry.slow_times *
                 d_cells),
      d_scratch(d_cells),
      d_column(d_cells),
      d_power(static_cast<std::size_t>(d_geometry.slow_times) * d_cells),
      d_power_scratch(d_cells),
      d_weights(d_power.size()),
      d_map(d_geometry.map_cells())
{
    const int shift = parameters.range_bins - d_cells; // of the negative frequencies
    for (int cell = 0; cell < d_cells; ++cell) {
        const int bin = cell < d_cells / 2 ? cell : cell + shift;
        if (d_geometry.spectrum[bin] == 0.0f)
            continue;
        if (d_occupied.empty() || d_occupied.back().second != cell)
            d_occupied.emplace_back(cell, cell);
        d_occupied.back().second = cell + 1;
    }
    if (parameters.mode == radar_mode_t::LFM) {
        const std::vector<gr_complex> chirp = chirp_spectrum(parameters);
        d_chirp.assign(chirp.begin(), chirp.end());
        const int pulses = std::max(parameters.frame.pulses(), 1);
        d_pulses.resize(static_cast<std::size_t>(pulses) * d_cells);
        d_pulse_transform =
            std::make_unique<fft_batch>(fft_layout{ d_cells, pulses, 1, d_cells },
                                        true,
                                        d_pulses.data(),
                                        d_pulses.data());
    }
}

void echo_maps::add_frame(const gr_complex* sent_spectra,
                          const gr_complex* received_spectra,
                          const complex_buffer& sent,
                          const std::vector<complex_buffer>& received,
                          leakage_removal_t removal)
{
    if (d_parameters.mode == radar_mode_t::LFM)
        add_chirps(sent, received, removal);
    else
        add_symbols(sent_spectra, received_spectra);
    d_observations += static_cast<int>(d_groups.size());
}

void echo_maps::add_symbols(const gr_complex* sent, const gr_complex* received)
{
    const auto symbols = static_cast<std::size_t>(d_groups.back().back() + 1);
    const std::size_t symbol_cells = symbols * d_cells; // of an antenna
    int observation = d_observations;
    for (const std::vector<int>& group : d_groups) {
        float* power = &d_power[static_cast<std::size_t>(observation) * d_cells];
        bool first = true;
        for (int symbol : group) {
            const std::size_t place = static_cast<std::size_t>(symbol) * d_cells;
            float* sum = first ? power : d_power_scratch.data();
            volk_32fc_magnitude_squared_32f(sum, sent + place, d_cells);
            if (!first)
                volk_32f_x2_add_32f(power, power, sum, d_cells);
            for (int antenna = 0; antenna < d_parameters.antennas; ++antenna) {
                gr_complex* product = products(antenna, observation);
                gr_complex* term = first ? product : d_scratch.data();
                volk_32fc_x2_multiply_conjugate_32fc(term,
                                                     received + antenna * symbol_cells +
                                                         place,
                                                     sent + place,
                                                     d_cells);
                if (!first)
                    volk_32fc_x2_add_32fc(product, product, term, d_cells);
            }
            first = false;
        }
        ++observation;
    }
}

// Takes what comes of the transmitted samples at once out of d_pulses, by least squares.
void echo_maps::subtract_transmitted(const complex_buffer& sent)
{
    const int length = d_parameters.pulse_length();
    std::complex<double> product = 0.0;
    double energy = 0.0;
    for (bool subtract : { false, true }) {
        const gr_complex gain(product / std::max(energy, 1e-38));
        gr_complex* pulse = d_pulses.data();
        for (const std::vector<int>& group : d_groups) {
            for (int number : group) {
                const int start = d_parameters.pulse_first(number);
                const int there = std::min(length, static_cast<int>(sent.size()) - start);
                const gr_complex* x = sent.data() + start;
                gr_complex part;
                if (subtract) {
                    for (int i = 0; i < there; ++i)
                        pulse[i] -= gr_complex(
                            gain.real() * x[i].real() - gain.imag() * x[i].imag(),
                            gain.real() * x[i].imag() + gain.imag() * x[i].real());
                } else {
                    volk_32fc_x2_conjugate_dot_prod_32fc(&part, pulse, x, there);
                    product += std::complex<double>(part);
                    volk_32fc_x2_conjugate_dot_prod_32fc(&part, x, x, there);
                    energy += part.real();
                }
                pulse += d_cells;
            }
        }
    }
}

void echo_maps::add_chirps(const complex_buffer& sent,
                           const std::vector<complex_buffer>& received,
                           leakage_removal_t removal)
{
    const int length = d_parameters.pulse_length();
    for (int antenna = 0; antenna < d_parameters.antennas; ++antenna) {
        const complex_buffer& frame = received[antenna];
        gr_complex* pulse = d_pulses.data();
        for (const std::vector<int>& group : d_groups) {
            for (int number : group) {
                const int start = d_parameters.pulse_first(number);
                const int there =
                    std::min(length, static_cast<int>(frame.size()) - start);
                std::copy_n(frame.data() + start, there, pulse);
                std::fill(pulse + there, pulse + d_cells, gr_complex(0.0f));
                pulse += d_cells;
            }
        }
        if (removal != leakage_removal_t::NONE)
            subtract_transmitted(sent);
        d_pulse_transform->execute(d_pulses.data(), d_pulses.data());
        pulse = d_pulses.data();
        int observation = d_observations;
        for (const std::vector<int>& group : d_groups) {
            gr_complex* product = products(antenna, observation++);
            for (std::size_t i = 1; i < group.size(); ++i)
                volk_32fc_x2_add_32fc(pulse, pulse, pulse + i * d_cells, d_cells);
            volk_32fc_x2_multiply_conjugate_32fc(product, pulse, d_chirp.data(), d_cells);
            pulse += group.size() * d_cells;
        }
    }
    for (std::size_t i = 0; i < d_groups.size(); ++i) {
        float* power = &d_power[(static_cast<std::size_t>(d_observations) + i) * d_cells];
        volk_32fc_magnitude_squared_32f(power, d_chirp.data(), d_cells);
        volk_32f_s32f_multiply_32f(
            power, power, static_cast<float>(d_groups[i].size()), d_cells);
    }
}

// Z - gain P; a stride of 0 means one gain for all cells.
void echo_maps::subtract_gain(const gr_complex* gain, int stride, int antenna)
{
    for (int observation = 0; observation < d_geometry.slow_times; ++observation) {
        gr_complex* product = products(antenna, observation);
        const float* power = &d_power[static_cast<std::size_t>(observation) * d_cells];
        for (const auto& [first, last] : d_occupied)
            for (int cell = first; cell < last; ++cell)
                product[cell] -= gain[cell * stride] * power[cell];
    }
}

void echo_maps::remove_leakage(leakage_removal_t removal)
{
    constexpr double TINY = std::numeric_limits<float>::min();
    const int slow_times = d_geometry.slow_times;
    for (int antenna = 0; antenna < d_parameters.antennas; ++antenna) {
        std::fill(d_column.begin(), d_column.end(), gr_complex(0.0f));
        std::fill(d_power_scratch.begin(), d_power_scratch.end(), 0.0f);
        for (int observation = 0; observation < slow_times; ++observation) {
            volk_32fc_x2_add_32fc(d_column.data(),
                                  d_column.data(),
                                  products(antenna, observation),
                                  d_cells);
            volk_32f_x2_add_32f(d_power_scratch.data(),
                                d_power_scratch.data(),
                                &d_power[static_cast<std::size_t>(observation) * d_cells],
                                d_cells);
        }
        if (removal == leakage_removal_t::STATIC) {
            for (int cell = 0; cell < d_cells; ++cell)
                d_column[cell] /=
                    std::max(d_power_scratch[cell], static_cast<float>(TINY));
            subtract_gain(d_column.data(), 1, antenna);
        } else {
            std::complex<double> sum = 0.0;
            double power = 0.0;
            for (const auto& [first, last] : d_occupied) {
                for (int cell = first; cell < last; ++cell) {
                    sum += std::complex<double>(d_column[cell]);
                    power += d_power_scratch[cell];
                }
            }
            const gr_complex gain(sum / std::max(power, TINY));
            subtract_gain(&gain, 0, antenna);
        }
    }
}

double echo_maps::mean_power() const
{
    double sum = 0.0;
    long count = 0;
    for (int observation = 0; observation < d_geometry.slow_times; ++observation) {
        const float* power = &d_power[static_cast<std::size_t>(observation) * d_cells];
        for (const auto& [first, last] : d_occupied) {
            float part = 0.0f;
            volk_32f_accumulator_s32f(&part, power + first, last - first);
            sum += part;
            count += last - first;
        }
    }
    return sum / count;
}

// Weights by which Z becomes cells of the map's noise variance; with finite
// regularisation each observation comes to the same gain.
void echo_maps::divide(double regularisation, double noise_variance)
{
    const double mean = mean_power();
    const bool matched =
        d_parameters.mode == radar_mode_t::LFM || std::isinf(regularisation);
    const auto extra = static_cast<float>(regularisation * mean);
    const auto constant = static_cast<float>(mean > 0.0 ? 1.0 / mean : 0.0);
    double noise = 0.0;
    long count = 0;
    for (int observation = 0; observation < d_geometry.slow_times; ++observation) {
        const std::size_t row = static_cast<std::size_t>(observation) * d_cells;
        double row_gain = 0.0, row_noise = 0.0;
        for (const auto& [first, last] : d_occupied) {
            const float* power = &d_power[row + first];
            float* weight = &d_weights[row + first];
            const int length = last - first;
            if (matched) {
                std::fill_n(weight, length, constant);
            } else {
                for (int i = 0; i < length; ++i)
                    weight[i] = power[i] > 0.0f ? 1.0f / (power[i] + extra) : 0.0f;
            }
            for (int i = 0; i < length; ++i)
                d_power_scratch[i] = weight[i] * power[i];
            float part = 0.0f;
            volk_32f_x2_dot_prod_32f(&part, weight, d_power_scratch.data(), length);
            row_noise += part;
            volk_32f_accumulator_s32f(&part, d_power_scratch.data(), length);
            row_gain += part;
            count += length;
        }
        double equal = 1.0;
        if (!matched) {
            equal = row_gain > 0.0 ? 1.0 / row_gain : 0.0;
            volk_32f_s32f_multiply_32f(
                &d_weights[row], &d_weights[row], static_cast<float>(equal), d_cells);
        }
        noise += row_noise * equal * equal;
    }
    // A spectrum that is not scaled holds the noise of all its samples.
    const int samples = d_parameters.mode == radar_mode_t::LFM
                            ? d_parameters.pulse_length()
                            : d_parameters.frame.fft_size;
    const double unit = noise > 0.0 ? std::sqrt(count / noise) : 0.0;
    const auto factor = static_cast<float>(unit / std::sqrt(samples * noise_variance));
    volk_32f_s32f_multiply_32f(
        d_weights.data(), d_weights.data(), factor, d_weights.size());
}

// Z times weights in the rows of the transform, the negative frequencies at their end.
void echo_maps::place_rows(int antenna)
{
    gr_complex* rows = d_transform.rows();
    const float* window = d_transform.weights().data();
    if (d_cells == d_geometry.range_bins) {
        volk_32fc_32f_multiply_32fc(
            rows, products(antenna, 0), d_weights.data(), d_weights.size());
    } else {
        const int half = d_cells / 2;
        for (int observation = 0; observation < d_geometry.slow_times; ++observation) {
            gr_complex* row =
                rows + static_cast<std::size_t>(observation) * d_geometry.range_bins;
            const gr_complex* product = products(antenna, observation);
            const float* weight =
                &d_weights[static_cast<std::size_t>(observation) * d_cells];
            volk_32fc_32f_multiply_32fc(row, product, weight, half);
            std::fill(row + half, row + d_geometry.range_bins - half, gr_complex(0.0f));
            volk_32fc_32f_multiply_32fc(
                row + d_geometry.range_bins - half, product + half, weight + half, half);
        }
    }
    volk_32fc_32f_multiply_32fc(rows, rows, window, d_geometry.cells());
}

void echo_maps::write_map(leakage_removal_t removal,
                          double regularisation,
                          double noise_variance,
                          gr_complex* map)
{
    const bool symbols = d_parameters.mode == radar_mode_t::OFDM; // else see add_chirps()
    if (removal == leakage_removal_t::STATIC ||
        (symbols && removal == leakage_removal_t::ZERO_DELAY))
        remove_leakage(removal);
    divide(regularisation, noise_variance);
    for (int antenna = 0; antenna < d_parameters.antennas; ++antenna) {
        place_rows(antenna);
        d_transform.to_map(d_map.data());
        std::copy_n(d_map.data(), d_map.size(), map + antenna * d_map.size());
    }
}

} // namespace semisac
} // namespace gr
