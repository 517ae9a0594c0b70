/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/channel_checks.h"
#include "channel/channel_plan.h"
#include "channel/delay_profile.h"
#include "math/philox.h"
#include <algorithm>
#include <cmath>

namespace gr {
namespace semisac {

namespace {

// 3GPP TR 38.901, section 7.7.2: peak of the path without obstacle in the Doppler
// spectrum.
constexpr double LOS_DOPPLER = 0.7;

std::vector<profile_tap> own_taps(const channel_settings& settings)
{
    if (settings.delays_s.empty())
        return { { 0.0, 1.0, 0.0 } };
    std::vector<profile_tap> taps;
    double sum = 0.0;
    for (std::size_t i = 0; i < settings.delays_s.size(); ++i) {
        const double power = std::pow(10.0, settings.gains_db[i] / 10.0);
        taps.push_back({ settings.delays_s[i], power, 0.0 });
        sum += power;
    }
    for (profile_tap& tap : taps)
        tap.power /= sum;
    return taps;
}

//! Taps with their delays in s.
std::vector<profile_tap> taps_of(const channel_settings& settings)
{
    std::vector<profile_tap> taps;
    if (settings.profile.empty()) {
        taps = own_taps(settings);
    } else {
        taps = tdl_profile(settings.profile);
        for (profile_tap& tap : taps)
            tap.delay *= settings.delay_spread_s;
    }
    if (settings.model == channel_model_t::AWGN) {
        for (profile_tap& tap : taps)
            tap.los = 1.0;
    } else if (settings.model == channel_model_t::RICIAN && taps.front().los == 0.0) {
        const double k = std::pow(10.0, settings.rician_k_db / 10.0);
        taps.front().los = k / (k + 1.0);
    }
    return taps;
}

channel_tap make_tap(const profile_tap& tap, double delay)
{
    channel_tap made;
    const double whole = std::floor(-delay);
    const double fraction = -delay - whole;
    made.offset = static_cast<int64_t>(whole);
    made.fractional = fraction > 0.0;
    made.weights = interpolation_kernel(fraction);
    made.scattered = static_cast<float>(std::sqrt(tap.power * (1.0 - tap.los)));
    made.los = static_cast<float>(std::sqrt(tap.power * tap.los));
    return made;
}

//! One piece of a sinusoid from phase zero.
void append_table(channel_plan& plan, uint64_t step)
{
    std::array<uint32_t, PIECE> phases;
    std::array<gr_complex, PIECE> values;
    for (std::size_t k = 0; k < PIECE; ++k)
        phases[k] = static_cast<uint32_t>((step * k) >> 32);
    phasors(phases.data(), values.data(), PIECE);
    for (const gr_complex& value : values) {
        plan.cosines.push_back(value.real());
        plan.sines.push_back(value.imag());
    }
}

/* Clarke's model: waves of equal power from angles around the receiver,
 * f = f_D cos(angle), each angle uniform in its own sector of the circle, so that the
 * ensemble has the correlation J0(2 pi f_D t) whatever the number of waves. */
void add_sinusoids(channel_plan& plan, const channel_frame& frame)
{
    const int paths = plan.settings.fading_paths;
    const double doppler = plan.settings.doppler_hz / frame.sample_rate_hz;
    for (std::size_t tap = 0; tap < plan.taps.size(); ++tap) {
        random_stream draws(frame.seed, stream_t::SAMPLE_FADING, tap);
        for (int path = 0; path < paths; ++path) {
            const double angle = 2.0 * M_PI * (path + draws.uniform()) / paths;
            plan.steps.push_back(phase_from_turns(doppler * std::cos(angle)));
            plan.phases.push_back(phase_from_turns(draws.uniform()));
        }
        plan.steps.push_back(phase_from_turns(LOS_DOPPLER * doppler));
        plan.phases.push_back(phase_from_turns(draws.uniform()));
    }
    for (const uint64_t step : plan.steps)
        append_table(plan, step);
}

} // namespace

channel_plan make_channel_plan(const channel_settings& settings,
                               const channel_frame& frame)
{
    check_channel_settings(settings, frame);
    channel_plan plan;
    plan.settings = settings;
    plan.lookahead = 0;
    plan.longest = 0;
    plan.fades = settings.model != channel_model_t::AWGN;
    for (const profile_tap& tap : taps_of(settings)) {
        plan.taps.push_back(
            make_tap(tap, settings.delay_samples + tap.delay * frame.sample_rate_hz));
        const channel_tap& made = plan.taps.back();
        plan.longest = std::max(plan.longest, -made.offset);
        plan.lookahead =
            std::max(plan.lookahead, made.offset + (made.fractional ? HALF_KERNEL : 0));
    }
    if (plan.fades && settings.doppler_hz > 0.0)
        add_sinusoids(plan, frame);

    plan.transmitter = iq_imbalance(
        settings.tx_iq_gain_db, settings.tx_iq_phase_deg, settings.tx_dc_offset);
    plan.amplifier = { settings.pa_saturation, settings.pa_smoothness };
    plan.receiver = iq_imbalance(
        settings.rx_iq_gain_db, settings.rx_iq_phase_deg, settings.rx_dc_offset);
    plan.clock_rate = settings.clock_offset_ppm * 1e-6;
    plan.carrier_frequency = settings.carrier_offset_hz / frame.sample_rate_hz;
    // The variance of a step is 2 pi linewidth / sample rate, in radians.
    plan.phase_deviation =
        std::sqrt(settings.linewidth_hz / (2.0 * M_PI * frame.sample_rate_hz));
    plan.noise_amplitude = settings.snr_db < LARGEST_SNR_DB
                               ? std::sqrt(std::pow(10.0, -settings.snr_db / 10.0))
                               : 0.0;
    return plan;
}

} // namespace semisac
} // namespace gr
