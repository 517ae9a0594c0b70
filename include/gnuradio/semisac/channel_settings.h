/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_CHANNEL_SETTINGS_H
#define INCLUDED_SEMISAC_CHANNEL_SETTINGS_H

#include <gnuradio/gr_complex.h>
#include <gnuradio/semisac/api.h>
#include <string>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Gain of the communication channel.
 *
 * AWGN: h = 1. RAYLEIGH: h ~ CN(0, 1). RICIAN: a constant path and CN around it, with
 * K = power of the path / power of the rest. E|h|^2 = 1 in each of them.
 */
enum class channel_model_t { AWGN, RAYLEIGH, RICIAN };

/*!
 * \brief The model called "awgn", "rayleigh" or "rician".
 *
 * \throws std::invalid_argument for any other name.
 */
SEMISAC_API channel_model_t channel_model_from_name(const std::string& name);

/*!
 * \brief Everything that may change while a fading_channel runs.
 *
 * All impairments are off at first. What is marked "stream" needs items of one sample.
 */
struct SEMISAC_API channel_settings {
    channel_model_t model = channel_model_t::AWGN;
    //! Mean Es/N0 in dB, -200 to 200; 200: no noise.
    double snr_db = 3.0;

    //! Items for which a gain holds (block fading), where doppler_hz is 0; at least 1.
    int block_length = 1;
    //! RICIAN: power of the constant path over that of the rest in dB, -100 to 100.
    double rician_k_db = 6.0;
    //! Largest Doppler shift in Hz (Clarke's spectrum); 0: block fading.
    double doppler_hz = 0.0;
    //! Sinusoids that make up each fading tap, 8 to 32.
    int fading_paths = 8;

    //! Stream: delay of each tap in s, 32 taps at most; empty: one tap without delay.
    std::vector<double> delays_s;
    //! Stream: mean power gain of each tap in dB; only ratios count, the sum is made 1.
    std::vector<double> gains_db;
    //! Stream: "A" ... "E", a tapped delay line of 3GPP TR 38.901; "": the taps above.
    std::string profile;
    //! Stream: root mean square delay spread of the profile in s (TR 38.901's "nominal").
    double delay_spread_s = 1e-7;
    //! Stream: delay of the whole channel in samples, 0 to 65536, also fractional.
    double delay_samples = 0.0;
    //! Stream: by how much the receiver's sampling interval is too long, +-1000 ppm.
    double clock_offset_ppm = 0.0;

    //! Carrier of the transmitter minus that of the receiver, in Hz.
    double carrier_offset_hz = 0.0;
    //! Full width at half maximum of the oscillators' line (Wiener phase noise), in Hz.
    double linewidth_hz = 0.0;

    //! Transmitter: gain of I over Q in dB, -10 to 10.
    double tx_iq_gain_db = 0.0;
    //! Transmitter: by how much the angle between I and Q falls short of 90 degrees.
    double tx_iq_phase_deg = 0.0;
    //! Transmitter: constant added (carrier leakage).
    gr_complex tx_dc_offset = 0.0f;
    //! Amplitude at which the power amplifier saturates; 0: linear amplifier.
    double pa_saturation = 0.0;
    //! Smoothness p of Rapp's amplifier, 0.5 to 20.
    double pa_smoothness = 2.0;

    //! Receiver: as in the transmitter.
    double rx_iq_gain_db = 0.0;
    double rx_iq_phase_deg = 0.0;
    gr_complex rx_dc_offset = 0.0f;

    //! Probability that a run of gap_length items is lost (zero), 0 to 1.
    double gap_probability = 0.0;
    //! Items in a gap, at least 1.
    int gap_length = 1;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_CHANNEL_SETTINGS_H */
