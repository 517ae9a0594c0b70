/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRONT_END_H
#define INCLUDED_SEMISAC_FRONT_END_H

#include <gnuradio/gr_complex.h>
#include <cstddef>

namespace gr {
namespace semisac {

/*!
 * \brief Imbalance of I and Q, and a constant.
 *
 * With a = 10^(gain_db / 40) and half the angle error t = phase_deg / 2:
 *
 *     I' = a (I cos t - Q sin t) + Re dc,   Q' = (Q cos t - I sin t) / a + Im dc.
 *
 * Written so, the power stays what it was to first order. The image lies below the signal
 * by (1 + 2 g cos 2t + g^2) / (1 - 2 g cos 2t + g^2), g = a^2.
 */
struct iq_imbalance {
    float ii = 1.0f, iq = 0.0f; // I' = ii I + iq Q
    float qi = 0.0f, qq = 1.0f; // Q' = qi I + qq Q
    gr_complex dc = 0.0f;

    iq_imbalance() = default;
    iq_imbalance(double gain_db, double phase_deg, gr_complex dc);

    bool active() const
    {
        return ii != 1.0f || iq != 0.0f || qq != 1.0f || dc != gr_complex();
    }
    void apply(gr_complex* y, std::size_t count) const;
};

/*!
 * \brief Power amplifier without phase distortion.
 *
 *     y = x / (1 + (|x| / A)^(2 p))^(1 / (2 p)),   A = saturation, p = smoothness.
 *
 * C. Rapp, "Effects of HPA-nonlinearity on a 4-DPSK/OFDM-signal for a digital sound
 * broadcasting system", 2nd European Conference on Satellite Communications, 1991.
 */
struct rapp_amplifier {
    double saturation = 0.0; // 0: linear
    double smoothness = 2.0;

    bool active() const { return saturation > 0.0; }
    void apply(gr_complex* y, std::size_t count) const;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRONT_END_H */
