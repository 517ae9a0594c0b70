/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "frame/frame_receiver.h"
#include "math/turn.h"
#include <volk/volk.h>
#include <algorithm>
#include <cmath>
#include <cstring>

namespace gr {
namespace semisac {

namespace {

// Symbols that the remaining carrier offset is sought in: the header, or as many where it
// is short.
constexpr int LEAST_FIRST_SYMBOLS = 16;

// Standard deviation of the synchroniser's offset is 0.28 / sqrt(snr L) of fs / L, snr
// that of a sample (half the bound's variance 3 / (2 snr L pi^2 B^2), times (B / L)^2).
// Sought is within five of them and what several paths may add.
constexpr double OFFSET_DEVIATION = 0.28, MORE_OFFSET = 0.1, MOST_OFFSET = 0.3;

// Sampling clocks differ by 20 ppm on either side: 40e-6 is one standard deviation, so
// that the prior costs the extremes little.
constexpr double CLOCK_DEVIATION = 40e-6;
constexpr double FIRST_PHASE_VARIANCE = 0.05; // rad^2
constexpr double FIRST_DELAY_VARIANCE = 0.01; // samples^2

// Phase noise that the tracker is ready for, rad^2 a sample; a Lorentzian line of width w
// walks by 2 pi w / fs: 1e-5 is 8 Hz at 5 MS/s.
constexpr double TRACKED_WALK = 1e-5;
const std::vector<double> PHASE_WALKS = { 0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3 };

// Above this SNR the chirps say less about the channel than the cells: their estimate
// takes what lies behind their last sample for nothing, an error of about a prefix in the
// length of both, -40 dB.
constexpr double CHIRPS_HELP_BELOW = 1000.0;

// Two straight lines, phase and delay, count as so many complex unknowns.
constexpr double LINE_PARAMETERS = 2.0;

double middle_of_symbol(const frame_parameters& parameters, int advance, int symbol)
{
    return parameters.symbol_start(symbol) + parameters.prefix_samples - advance +
           0.5 * parameters.fft_size - parameters.chirp_samples;
}

void add(std::vector<std::complex<double>>& to,
         const std::vector<std::complex<double>>& what)
{
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] += what[i];
}

} // namespace

frame_receiver::frame_receiver(const frame_parameters& parameters)
    : d_parameters(parameters),
      d_mapping(parameters),
      d_used(d_mapping.used),
      d_advance(parameters.prefix_samples / 2),
      d_first_symbols(std::min(
          d_mapping.symbols, std::max(parameters.header_symbols(), LEAST_FIRST_SYMBOLS))),
      d_step(2.0 * M_PI / parameters.fft_size),
      d_transform(parameters.fft_size),
      d_estimator(parameters, d_advance),
      d_numbers(parameters.used_subcarriers()),
      d_rows(d_mapping.cells()),
      d_channel(d_used),
      d_sums(d_used),
      d_phasors(d_first_symbols),
      d_known_times(d_used),
      d_header_signs(static_cast<std::size_t>(parameters.header_symbols()) * d_used),
      d_phase(d_mapping.symbols),
      d_phase_variance(d_mapping.symbols),
      d_delay(d_mapping.symbols),
      d_delay_variance(d_mapping.symbols),
      d_turned_phase(d_mapping.symbols),
      d_turned_delay(d_mapping.symbols),
      d_phase_smoother(PHASE_WALKS, d_mapping.symbols),
      d_delay_smoother({ 0.0 }, d_mapping.symbols)
{
    std::vector<float> first_times(d_used);
    for (int symbol = 0; symbol < d_mapping.symbols; ++symbol) {
        d_times.push_back(middle_of_symbol(parameters, d_advance, symbol));
        for_known_cells(symbol, [&](int i, float) { d_known_times[i] += 1.0f; });
        if (symbol < d_first_symbols)
            for (int i : d_mapping.pilots[symbol % parameters.pilot_spacing])
                first_times[i] += 1.0f;
    }
    for (float times : d_known_times)
        d_known_cells += times;
    d_column_first = d_estimator.column_of_cells(first_times);
    add(d_column_first, d_estimator.column_of_chirps());
    d_column_cells = d_estimator.column_of_cells(d_known_times);
    d_column_all = d_column_cells;
    add(d_column_all, d_estimator.column_of_chirps());
}

bool frame_receiver::read_header(const gr_complex* frame,
                                 double snr_db,
                                 frame_header& header)
{
    transform(frame);
    if (!estimate_from_chirps(frame, snr_db))
        return false;
    find_offset();
    improve_by_pilots();
    return decode_header(header);
}

bool frame_receiver::read_images(int images, gr_complex* symbols)
{
    set_known_header();
    measure_symbols();
    smooth();
    estimate_from_known_cells();
    equalise(images, symbols);
    return std::isfinite(d_snr) && d_snr > 0.0;
}

void frame_receiver::channel(gr_complex* values) const
{
    // The transforms begin early: d_channel is that much later.
    const int half = d_used / 2;
    const double step = d_step * d_advance;
    turn(values, d_channel.data(), step, half, -half * step);
    turn(values + half, d_channel.data() + half, step, half, step);
}

// Used subcarriers of all symbols, by unitary transforms.
void frame_receiver::transform(const gr_complex* frame)
{
    const int size = d_parameters.fft_size, half = d_used / 2;
    const auto scale = static_cast<float>(1.0 / std::sqrt(size));
    for (int symbol = 0; symbol < d_mapping.symbols; ++symbol) {
        const int start =
            d_parameters.symbol_start(symbol) + d_parameters.prefix_samples - d_advance;
        std::memcpy(d_transform.get_inbuf(), frame + start, size * sizeof(gr_complex));
        d_transform.execute();
        const auto* spectrum = reinterpret_cast<const float*>(d_transform.get_outbuf());
        auto* values = reinterpret_cast<float*>(row(symbol));
        volk_32f_s32f_multiply_32f(values, spectrum + 2 * (size - half), scale, 2 * half);
        volk_32f_s32f_multiply_32f(values + 2 * half, spectrum + 2, scale, 2 * half);
    }
    std::fill(d_turned_phase.begin(), d_turned_phase.end(), 0.0);
    std::fill(d_turned_delay.begin(), d_turned_delay.end(), 0.0);
}

// Takes a phase, and a delay in samples, off a symbol that may have been turned before.
void frame_receiver::turn_row(int symbol, double phase, double delay)
{
    const int half = d_used / 2;
    const double back = d_turned_phase[symbol] - phase;
    const double step = d_step * (delay - d_turned_delay[symbol]);
    gr_complex* values = row(symbol);
    turn(values, values, step, half, back - half * step);
    turn(values + half, values + half, step, half, back + step);
    d_turned_phase[symbol] = phase;
    d_turned_delay[symbol] = delay;
}

bool frame_receiver::estimate_from_chirps(const gr_complex* frame, double snr_db)
{
    d_estimator.set_chirps(frame);
    const double energy = d_estimator.chirp_energy();
    if (!(energy > 0.0) || !std::isfinite(energy))
        return false;
    const double load = d_estimator.taps() * std::pow(10.0, -snr_db / 10.0);
    d_estimator.solve(d_estimator.column_of_chirps(), load);
    d_estimator.response(d_channel.data());
    const int samples = 2 * d_parameters.chirp_samples;
    const double unexplained = d_estimator.residual(energy);
    d_noise = std::max(unexplained, 1e-9 * energy) / (samples - d_estimator.taps());
    d_power = d_estimator.tap_energy();
    d_chirp_phasor = energy - unexplained;
    return d_power > 0.0;
}

double frame_receiver::pilots_aligned(double offset, std::complex<double>& sum) const
{
    sum = d_chirp_phasor;
    for (int symbol = 0; symbol < d_first_symbols; ++symbol)
        sum += std::complex<double>(d_phasors[symbol]) *
               std::polar(1.0, -offset * d_times[symbol]);
    return std::norm(sum);
}

// The offset at which the pilots, seen through the channel that the chirps gave, add up
// best with each other and with the chirps: the most likely one.
void frame_receiver::find_offset()
{
    for (int symbol = 0; symbol < d_first_symbols; ++symbol) {
        const float* signs = &d_mapping.signs[static_cast<std::size_t>(symbol) * d_used];
        gr_complex sum(0.0f);
        for (int i : d_mapping.pilots[symbol % d_parameters.pilot_spacing])
            sum += signs[i] * std::conj(d_channel[i]) * row(symbol)[i];
        d_phasors[symbol] = sum;
    }
    const int length = d_parameters.chirp_samples;
    const double deviation =
        OFFSET_DEVIATION / std::sqrt(std::max(d_power / d_noise, 1e-3) * length);
    const double range =
        2.0 * M_PI / length * std::min(MOST_OFFSET, MORE_OFFSET + 5.0 * deviation);
    const double step = 0.5 * M_PI / d_times[d_first_symbols - 1];
    const int steps = static_cast<int>(std::ceil(range / step));

    std::complex<double> sum;
    int best = 0;
    double most = -1.0;
    for (int n = -steps; n <= steps; ++n) {
        const double aligned = pilots_aligned(n * step, sum);
        if (aligned > most) {
            most = aligned;
            best = n;
        }
    }
    // A parabola, twice: first over the grid's step, then over a tenth of it.
    d_offset = best * step;
    for (double width : { step, 0.1 * step }) {
        const double before = pilots_aligned(d_offset - width, sum);
        const double middle = pilots_aligned(d_offset, sum);
        const double behind = pilots_aligned(d_offset + width, sum);
        const double curvature = before - 2.0 * middle + behind;
        if (curvature < 0.0)
            d_offset +=
                width * std::clamp(0.5 * (before - behind) / curvature, -1.0, 1.0);
    }
    d_offset_deviation = step;
}

void frame_receiver::improve_by_pilots()
{
    std::complex<double> sum;
    pilots_aligned(d_offset, sum);
    d_first_phase = std::arg(sum);
    std::fill(d_sums.begin(), d_sums.end(), gr_complex(0.0f));
    for (int symbol = 0; symbol < d_first_symbols; ++symbol) {
        turn_row(symbol, d_first_phase + d_offset * d_times[symbol], 0.0);
        const float* signs = &d_mapping.signs[static_cast<std::size_t>(symbol) * d_used];
        for (int i : d_mapping.pilots[symbol % d_parameters.pilot_spacing])
            d_sums[i] += signs[i] * row(symbol)[i];
    }
    d_estimator.add_cells(d_sums.data());
    d_estimator.solve(d_column_first, d_estimator.taps() * d_noise / d_power);
    d_estimator.response(d_channel.data());
    d_power = d_estimator.tap_energy();
}

bool frame_receiver::decode_header(frame_header& header)
{
    d_soft.fill(0.0f);
    for (std::size_t place = 0; place < d_mapping.header_cells.size(); ++place) {
        const int cell = d_mapping.header_cells[place];
        const gr_complex h = d_channel[cell % d_used], y = d_rows[cell];
        d_soft[d_mapping.header_bits[place]] +=
            d_mapping.signs[cell] * (h.real() * y.real() + h.imag() * y.imag());
    }
    if (!d_codec.decode(d_soft, header))
        return false;
    d_codec.encode(header, d_coded);
    return true;
}

// Values of all cells of the header, now that it is read.
void frame_receiver::set_known_header()
{
    std::copy_n(d_mapping.signs.begin(), d_header_signs.size(), d_header_signs.begin());
    for (std::size_t place = 0; place < d_mapping.header_cells.size(); ++place)
        if (d_coded[d_mapping.header_bits[place]])
            d_header_signs[d_mapping.header_cells[place]] *= -1.0f;
}

// Calls action(subcarrier, value) for all cells of a symbol whose value is known.
template <typename action_t>
void frame_receiver::for_known_cells(int symbol, action_t action) const
{
    const auto first = static_cast<std::size_t>(symbol) * d_used;
    if (symbol < d_parameters.header_symbols()) {
        for (int i = 0; i < d_used; ++i)
            action(i, d_header_signs[first + i]);
    } else {
        for (int i : d_mapping.pilots[symbol % d_parameters.pilot_spacing])
            action(i, d_mapping.signs[first + i]);
    }
}

// Phase and delay of each symbol. Where the channel is H and the values x are known,
// conj(H x) Y = |H|^2 exp(j (phase - 2 pi k delay / N)) and noise: the phase is that of
// the sum, the delay the weighted slope over k.
void frame_receiver::measure_symbols()
{
    line_state phase{ d_first_phase, d_offset, FIRST_PHASE_VARIANCE, 0.0, 0.0 };
    phase.rate_variance = d_offset_deviation * d_offset_deviation;
    line_state delay{ 0.0, 0.0, FIRST_DELAY_VARIANCE, 0.0, 0.0 };
    delay.rate_variance = CLOCK_DEVIATION * CLOCK_DEVIATION;
    double time = 0.0;
    for (int symbol = 0; symbol < d_mapping.symbols; ++symbol) {
        phase.predict(d_times[symbol] - time, TRACKED_WALK);
        delay.predict(d_times[symbol] - time, 0.0);
        time = d_times[symbol];
        turn_row(symbol, phase.value, delay.value);

        const gr_complex* values = row(symbol);
        double zero = 0.0, one = 0.0, two = 0.0;
        std::complex<double> sum = 0.0, slope = 0.0;
        for_known_cells(symbol, [&](int i, float x) {
            const gr_complex product = x * std::conj(d_channel[i]) * values[i];
            const double weight = std::norm(d_channel[i]), k = d_numbers[i];
            sum += std::complex<double>(product);
            slope += k * std::complex<double>(product);
            zero += weight;
            one += k * weight;
            two += k * k * weight;
        });
        const double middle = one / zero, spread = two - middle * one;
        const double turned = std::arg(sum);
        const std::complex<double> back = std::polar(1.0, -turned);
        const double tilt = std::imag((slope - middle * sum) * back) / spread;
        d_phase[symbol] = phase.value + turned - middle * tilt;
        d_delay[symbol] = delay.value - tilt / d_step;
        d_phase_variance[symbol] =
            0.5 * d_noise * (1.0 / zero + middle * middle / spread) + 1e-10;
        d_delay_variance[symbol] = 0.5 * d_noise / (spread * d_step * d_step) + 1e-12;
        phase.update(d_phase[symbol], d_phase_variance[symbol]);
        delay.update(d_delay[symbol], d_delay_variance[symbol]);
    }
}

void frame_receiver::smooth()
{
    line_state phase{ d_first_phase, d_offset, 1.0, 0.0, 0.0 };
    phase.rate_variance = d_offset_deviation * d_offset_deviation;
    line_state delay{ 0.0, 0.0, FIRST_DELAY_VARIANCE, 0.0, 0.0 };
    delay.rate_variance = CLOCK_DEVIATION * CLOCK_DEVIATION;
    d_phase_smoother.smooth(phase, d_times, d_phase, d_phase_variance);
    d_delay_smoother.smooth(delay, d_times, d_delay, d_delay_variance);
    d_offset = d_phase_smoother.rate();
    for (int symbol = 0; symbol < d_mapping.symbols; ++symbol)
        turn_row(symbol, d_phase[symbol], d_delay[symbol]);
}

void frame_receiver::estimate_from_known_cells()
{
    std::fill(d_sums.begin(), d_sums.end(), gr_complex(0.0f));
    double energy = 0.0;
    for (int symbol = 0; symbol < d_mapping.symbols; ++symbol) {
        const gr_complex* values = row(symbol);
        float row_energy = 0.0f;
        for_known_cells(symbol, [&](int i, float x) {
            d_sums[i] += x * values[i];
            row_energy += std::norm(values[i]);
        });
        energy += row_energy;
    }
    const bool with_chirps = d_power < CHIRPS_HELP_BELOW * d_noise;
    with_chirps ? d_estimator.keep_chirps_only() : d_estimator.forget();
    d_estimator.add_cells(d_sums.data());
    d_estimator.solve(with_chirps ? d_column_all : d_column_cells,
                      d_estimator.taps() * d_noise / d_power);
    d_estimator.response(d_channel.data());

    double unexplained = energy;
    for (int i = 0; i < d_used; ++i)
        unexplained += d_known_times[i] * std::norm(d_channel[i]) -
                       2.0 * std::real(std::conj(d_channel[i]) * d_sums[i]);
    const double known = d_known_cells;
    const double all = known + (with_chirps ? 2.0 * d_parameters.chirp_samples : 0.0);
    const double fitted = (d_estimator.taps() + LINE_PARAMETERS) / all; // of each cell
    d_noise =
        std::max(unexplained, 1e-10 * energy) / std::max(known * (1.0 - fitted), 1.0);
    // What was fitted to noise is not there in cells that were not fitted to.
    d_noise *= 1.0 + fitted;
}

void frame_receiver::equalise(int images, gr_complex* symbols)
{
    double gain = 0.0;
    for (int i = 0; i < d_used; ++i) {
        const double power = std::norm(d_channel[i]);
        gain += power / (power + d_noise) / d_used;
        d_sums[i] = std::conj(d_channel[i]) / static_cast<float>(power + d_noise);
    }
    d_snr = gain / (1.0 - gain);
    const auto scale = static_cast<float>(1.0 / gain);
    for (gr_complex& weight : d_sums)
        weight *= scale;
    const int count = images * d_parameters.channel_uses;
    for (int n = 0; n < count; ++n) {
        const int cell = d_mapping.body_cells[n];
        const gr_complex weight = d_mapping.signs[cell] * d_sums[cell % d_used];
        const gr_complex y = d_rows[cell];
        symbols[n] = gr_complex(weight.real() * y.real() - weight.imag() * y.imag(),
                                weight.real() * y.imag() + weight.imag() * y.real());
    }
}

} // namespace semisac
} // namespace gr
