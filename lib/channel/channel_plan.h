/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_CHANNEL_PLAN_H
#define INCLUDED_SEMISAC_CHANNEL_PLAN_H

#include "channel/front_end.h"
#include "math/fractional_delay.h"
#include "math/phasor.h"
#include <gnuradio/semisac/channel_settings.h>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

//! Delay of a channel beyond which its past is not kept, in samples.
constexpr int LARGEST_DELAY = 1 << 16;

//! Where a fading_channel works and what it draws from; never changes.
struct channel_frame {
    int channel_uses;
    double sample_rate_hz;
    uint64_t seed;

    bool is_stream() const { return channel_uses == 1; }
};

//! One tap: place from which it reads the transmitted signal, and mean amplitudes.
struct channel_tap {
    int64_t offset;  // sample of the input, relative to the output's
    bool fractional; // whether the value lies between samples
    kernel_t weights;
    float scattered; // root mean square of the part that fades
    float los;       // amplitude of the part that does not
};

/*!
 * \brief What follows from settings, worked out outside of work().
 *
 * A fading tap under Doppler is a sum of sinusoids; path i of tap t has the number
 * t (fading_paths + 1) + i, the last one of a tap is the path without obstacle.
 */
struct channel_plan {
    channel_settings settings;
    std::vector<channel_tap> taps;
    int64_t lookahead; // samples of the input behind the current one that are needed
    int64_t longest;   // delay in samples, rounded up

    bool fades;                   // whether any tap does
    std::vector<uint64_t> phases; // of each sinusoid at the start of the stream
    std::vector<uint64_t> steps;  // of each sinusoid
    std::vector<float> cosines;   // of each sinusoid, one piece from phase zero
    std::vector<float> sines;

    iq_imbalance transmitter;
    rapp_amplifier amplifier;
    iq_imbalance receiver;
    double clock_rate;        // samples of drift a sample
    double carrier_frequency; // cycles a sample
    double phase_deviation;   // of a step of the phase noise, in turns
    double noise_amplitude;

    bool under_doppler() const { return !steps.empty(); }
    bool flat() const { return taps.size() == 1; }
};

/*!
 * \brief Check settings and work out what follows.
 *
 * \throws std::invalid_argument for a setting out of range or out of place
 */
channel_plan make_channel_plan(const channel_settings& settings,
                               const channel_frame& frame);

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_CHANNEL_PLAN_H */
