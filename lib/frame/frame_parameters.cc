/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "block/parameter_checks.h"
#include <gnuradio/semisac/frame_parameters.h>
#include <algorithm>
#include <charconv>
#include <cstdint>

namespace gr {
namespace semisac {

namespace {

constexpr int64_t LARGEST_FRAME_SAMPLES = 1 << 24;
constexpr double CHIRP_BANDWIDTH_SHARE = 0.8;

template <typename T>
void require(const char* name, T value, T lowest, T highest, const char* hint)
{
    require_in_range(
        std::string("frame parameters: ") + name, value, lowest, highest, hint);
}

// As printf's %.17g, but with a decimal point in any locale.
std::string exact(double value)
{
    char text[40];
    const std::to_chars_result end =
        std::to_chars(text, text + sizeof(text), value, std::chars_format::general, 17);
    return std::string(text, end.ptr);
}

} // namespace

frame_type_t frame_type_from_name(const std::string& name)
{
    if (name == "ofdm")
        return frame_type_t::OFDM;
    if (name == "lfm")
        return frame_type_t::LFM;
    throw std::invalid_argument("frame parameters: frame_type is \"" + name +
                                "\", expected \"ofdm\" or \"lfm\"; give one of "
                                "these names.");
}

frame_parameters::frame_parameters(double sample_rate_hz_,
                                   int fft_size_,
                                   int prefix_samples_,
                                   std::optional<int> guard_subcarriers_,
                                   int pilot_spacing_,
                                   int images_per_frame_,
                                   int channel_uses_,
                                   int chirp_samples_,
                                   std::optional<double> chirp_bandwidth_hz_,
                                   int header_repetitions_,
                                   int gap_samples_,
                                   frame_type_t frame_type_,
                                   int symbols_per_pulse_)
    : sample_rate_hz(sample_rate_hz_),
      fft_size(fft_size_),
      prefix_samples(prefix_samples_),
      guard_subcarriers(0),
      pilot_spacing(pilot_spacing_),
      images_per_frame(images_per_frame_),
      channel_uses(channel_uses_),
      chirp_samples(chirp_samples_),
      chirp_bandwidth_hz(0.0),
      header_repetitions(header_repetitions_),
      gap_samples(gap_samples_),
      frame_type(frame_type_),
      symbols_per_pulse(symbols_per_pulse_)
{
    check(guard_subcarriers_, chirp_bandwidth_hz_);
    d_header_symbols =
        static_cast<int>(symbols_for(CODED_HEADER_BITS * header_repetitions, 0));
    d_body_symbols = symbols_for(static_cast<int64_t>(images_per_frame) * channel_uses,
                                 d_header_symbols);
    if (frame_type == frame_type_t::LFM)
        d_body_symbols +=
            (symbols_per_pulse - d_body_symbols % symbols_per_pulse) % symbols_per_pulse;
    int64_t samples =
        header_start() + (d_header_symbols + d_body_symbols) * symbol_samples();
    if (frame_type == frame_type_t::LFM)
        samples += d_body_symbols / symbols_per_pulse * chirp_samples;
    samples += gap_samples;
    if (samples > LARGEST_FRAME_SAMPLES)
        throw std::invalid_argument(
            "frame parameters: a frame is " + std::to_string(samples) +
            " samples, expected " + std::to_string(LARGEST_FRAME_SAMPLES) +
            " or less; lower images_per_frame, channel_uses or gap_samples.");
}

void frame_parameters::check(std::optional<int> guard, std::optional<double> bandwidth)
{
    require("sample_rate_hz", sample_rate_hz, 1e3, 1e10, "give complex samples a second");
    if (fft_size < 64 || fft_size > 2048 || (fft_size & (fft_size - 1)) != 0)
        throw std::invalid_argument(
            "frame parameters: fft_size is " + std::to_string(fft_size) +
            ", expected a power of two from 64 to 2048; give the number of subcarriers.");
    require("prefix_samples",
            prefix_samples,
            4,
            fft_size / 2,
            "give the cyclic prefix in samples");
    guard_subcarriers = guard.value_or(fft_size * 6 / 64);
    require("guard_subcarriers",
            guard_subcarriers,
            1,
            fft_size / 4,
            "give the number of unused subcarriers at the lower edge");
    require("pilot_spacing",
            pilot_spacing,
            2,
            16,
            "give the distance of pilots in subcarriers");
    require(
        "images_per_frame", images_per_frame, 1, 4095, "give the images of a full frame");
    require(
        "channel_uses", channel_uses, 1, 1 << 20, "give the complex symbols of an image");
    require("chirp_samples",
            chirp_samples,
            64,
            65536,
            "give the length of a chirp in samples");
    if (chirp_samples < 2 * prefix_samples)
        throw std::invalid_argument(
            "frame parameters: chirp_samples is " + std::to_string(chirp_samples) +
            ", expected twice prefix_samples, " + std::to_string(2 * prefix_samples) +
            ", or more; give longer chirps or a shorter prefix.");
    chirp_bandwidth_hz = bandwidth.value_or(CHIRP_BANDWIDTH_SHARE * sample_rate_hz);
    require("chirp_bandwidth_hz",
            chirp_bandwidth_hz,
            0.25 * sample_rate_hz,
            sample_rate_hz,
            "give a quarter of sample_rate_hz to all of it");
    require("header_repetitions",
            header_repetitions,
            1,
            64,
            "give how often header bits are sent");
    require("gap_samples",
            gap_samples,
            0,
            1 << 24,
            "give the silence behind a frame in samples");
    require("symbols_per_pulse",
            symbols_per_pulse,
            1,
            4096,
            "give the symbols behind a chirp of the body");
}

std::vector<int> frame_parameters::used_subcarriers() const
{
    const int edge = fft_size / 2 - guard_subcarriers;
    std::vector<int> used;
    for (int k = -edge; k <= edge; ++k)
        if (k != 0)
            used.push_back(k);
    return used;
}

std::vector<int> frame_parameters::pilot_subcarriers(int symbol) const
{
    const std::vector<int> used = used_subcarriers();
    std::vector<int> found;
    for (int position = 0; position < used_subcarrier_count(); ++position)
        if (is_pilot(position, symbol))
            found.push_back(used[position]);
    return found;
}

std::vector<int> frame_parameters::data_subcarriers(int symbol) const
{
    const std::vector<int> used = used_subcarriers();
    std::vector<int> found;
    for (int position = 0; position < used_subcarrier_count(); ++position)
        if (!is_pilot(position, symbol))
            found.push_back(used[position]);
    return found;
}

int64_t frame_parameters::data_cells(int first_symbol, int64_t symbols) const
{
    const int used = used_subcarrier_count();
    int64_t pilots = symbols / pilot_spacing * used;
    for (int symbol = first_symbol; symbol < first_symbol + symbols % pilot_spacing;
         ++symbol)
        pilots += (used - symbol % pilot_spacing + pilot_spacing - 1) / pilot_spacing;
    return symbols * used - pilots;
}

int64_t frame_parameters::symbols_for(int64_t cells, int first_symbol) const
{
    // So many symbols as there are shifts of the pilots hold this many cells, wherever
    // they begin.
    const int64_t cells_a_round =
        static_cast<int64_t>(used_subcarrier_count()) * (pilot_spacing - 1);
    int64_t symbols = std::max<int64_t>(cells / cells_a_round * pilot_spacing, 1);
    while (data_cells(first_symbol, symbols) < cells)
        ++symbols;
    return symbols;
}

int frame_parameters::body_cells() const
{
    return static_cast<int>(data_cells(d_header_symbols, d_body_symbols));
}

int frame_parameters::pulses() const
{
    return frame_type == frame_type_t::LFM ? body_symbols() / symbols_per_pulse : 0;
}

int frame_parameters::pulse_samples() const
{
    if (frame_type != frame_type_t::LFM)
        return 0;
    return chirp_samples + symbols_per_pulse * symbol_samples();
}

int frame_parameters::body_start() const
{
    return header_start() + header_symbols() * symbol_samples();
}

int frame_parameters::occupied_samples() const
{
    return body_start() + body_symbols() * symbol_samples() + pulses() * chirp_samples;
}

int frame_parameters::symbol_start(int symbol) const
{
    int start = header_start() + symbol * symbol_samples();
    const int in_body = symbol - header_symbols();
    if (frame_type == frame_type_t::LFM && in_body >= 0)
        start += (in_body / symbols_per_pulse + 1) * chirp_samples;
    return start;
}

std::string frame_parameters::canonical_text() const
{
    const bool is_lfm = frame_type == frame_type_t::LFM;
    std::string text = is_lfm ? "lfm" : "ofdm";
    for (int number : { fft_size,
                        prefix_samples,
                        guard_subcarriers,
                        pilot_spacing,
                        images_per_frame,
                        channel_uses,
                        chirp_samples,
                        header_repetitions,
                        is_lfm ? symbols_per_pulse : 0 })
        text += "|" + std::to_string(number);
    return text + "|" + exact(sample_rate_hz) + "|" + exact(chirp_bandwidth_hz);
}

} // namespace semisac
} // namespace gr
