/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/channel_checks.h"
#include <cmath>
#include <string>

namespace gr {
namespace semisac {

namespace {

template <typename T>
void check(const char* name, T value, T lowest, T highest, const char* hint)
{
    require_in_range(
        std::string("fading_channel: ") + name, value, lowest, highest, hint);
}

void check_fading(const channel_settings& settings, double nyquist)
{
    check("block_length",
          settings.block_length,
          1,
          1 << 30,
          "give the number of items for which a gain holds");
    check("rician_k_db",
          settings.rician_k_db,
          -100.0,
          100.0,
          "give the power of the constant path over that of the rest in dB");
    check("doppler_hz",
          settings.doppler_hz,
          0.0,
          nyquist,
          "give the largest Doppler shift in Hz, below half the sample rate");
    check("fading_paths",
          settings.fading_paths,
          LEAST_FADING_PATHS,
          MOST_FADING_PATHS,
          "give the number of sinusoids of a fading tap");
}

void check_stream_only(const channel_settings& settings, const channel_frame& frame)
{
    if (frame.is_stream())
        return;
    const char* name = nullptr;
    if (!settings.delays_s.empty())
        name = "delays_s";
    else if (!settings.profile.empty())
        name = "profile";
    else if (settings.delay_samples != 0.0)
        name = "delay_samples";
    else if (settings.clock_offset_ppm != 0.0)
        name = "clock_offset_ppm";
    if (name)
        throw std::invalid_argument(
            std::string("fading_channel: ") + name + " is set for items of " +
            std::to_string(frame.channel_uses) +
            " channel uses, expected a stream of samples; give channel_uses = 1.");
}

void check_taps(const channel_settings& settings, double sample_rate_hz)
{
    if (settings.delays_s.size() != settings.gains_db.size())
        throw std::invalid_argument(
            "fading_channel: delays_s has " + std::to_string(settings.delays_s.size()) +
            " taps and gains_db " + std::to_string(settings.gains_db.size()) +
            ", expected as many; give one delay and one gain for each tap.");
    check("number of taps",
          static_cast<int>(settings.delays_s.size()),
          0,
          MOST_TAPS,
          "leave out the weakest taps");
    check("delay_samples",
          settings.delay_samples,
          0.0,
          1.0 * LARGEST_DELAY,
          "give the delay in samples");
    const double room = (LARGEST_DELAY - settings.delay_samples) / sample_rate_hz;
    for (const double delay : settings.delays_s)
        check("delay in delays_s", delay, 0.0, room, "give delays in s");
    for (const double gain : settings.gains_db)
        check("gain in gains_db",
              gain,
              -LARGEST_SNR_DB,
              LARGEST_SNR_DB,
              "give the mean power gain in dB");
    check("delay_spread_s",
          settings.delay_spread_s,
          0.0,
          // the last tap of TDL-E has 20.65 delay spreads
          settings.profile.empty() ? 1e3 : room / 21.0,
          "give the root mean square delay spread in s");
}

void check_front_ends(const channel_settings& settings)
{
    const char* gain_hint = "give the gain of I over Q in dB";
    const char* phase_hint = "give the error of the angle between I and Q in degrees";
    check("tx_iq_gain_db", settings.tx_iq_gain_db, -10.0, 10.0, gain_hint);
    check("rx_iq_gain_db", settings.rx_iq_gain_db, -10.0, 10.0, gain_hint);
    check("tx_iq_phase_deg", settings.tx_iq_phase_deg, -45.0, 45.0, phase_hint);
    check("rx_iq_phase_deg", settings.rx_iq_phase_deg, -45.0, 45.0, phase_hint);
    const char* dc_hint = "give the constant that is added";
    check("tx_dc_offset", std::abs(settings.tx_dc_offset), 0.0f, 1e6f, dc_hint);
    check("rx_dc_offset", std::abs(settings.rx_dc_offset), 0.0f, 1e6f, dc_hint);
    check("pa_saturation",
          settings.pa_saturation,
          0.0,
          1e6,
          "give the amplitude at which the amplifier saturates, 0 for a linear one");
    check("pa_smoothness",
          settings.pa_smoothness,
          0.5,
          20.0,
          "give the smoothness p of Rapp's amplifier");
}

} // namespace

void check_channel_settings(const channel_settings& settings, const channel_frame& frame)
{
    check("snr_db",
          settings.snr_db,
          -LARGEST_SNR_DB,
          LARGEST_SNR_DB,
          "give the mean Es/N0 of a channel use in dB");
    const double nyquist = 0.5 * frame.sample_rate_hz;
    check_fading(settings, nyquist);
    check_stream_only(settings, frame);
    check_taps(settings, frame.sample_rate_hz);
    check("clock_offset_ppm",
          settings.clock_offset_ppm,
          -1000.0,
          1000.0,
          "give the error of the receiver's sampling interval in millionths");
    check("carrier_offset_hz",
          settings.carrier_offset_hz,
          -nyquist,
          nyquist,
          "give the offset in Hz, within half the sample rate");
    check("linewidth_hz",
          settings.linewidth_hz,
          0.0,
          nyquist,
          "give the full width at half maximum of the oscillators' line in Hz");
    check_front_ends(settings);
    check("gap_probability",
          settings.gap_probability,
          0.0,
          1.0,
          "give the probability that a run of gap_length items is lost");
    check("gap_length", settings.gap_length, 1, 1 << 30, "give the items in a gap");
}

} // namespace semisac
} // namespace gr
