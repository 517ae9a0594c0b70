/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/front_end.h"
#include "math/vector_clones.h"
#include <cmath>

namespace gr {
namespace semisac {

namespace {

SEMISAC_VECTOR_CLONES
void mix_parts(const iq_imbalance& imbalance, gr_complex* y, std::size_t count)
{
    const float ii = imbalance.ii, iq = imbalance.iq, qi = imbalance.qi,
                qq = imbalance.qq;
    const float dc_i = imbalance.dc.real(), dc_q = imbalance.dc.imag();
    for (std::size_t k = 0; k < count; ++k) {
        const float i = y[k].real(), q = y[k].imag();
        y[k] = gr_complex(ii * i + iq * q + dc_i, qi * i + qq * q + dc_q);
    }
}

} // namespace

iq_imbalance::iq_imbalance(double gain_db, double phase_deg, gr_complex dc) : dc(dc)
{
    const double a = std::pow(10.0, gain_db / 40.0);
    const double half_error = 0.5 * phase_deg * M_PI / 180.0;
    ii = static_cast<float>(a * std::cos(half_error));
    iq = static_cast<float>(-a * std::sin(half_error));
    qi = static_cast<float>(-std::sin(half_error) / a);
    qq = static_cast<float>(std::cos(half_error) / a);
}

void iq_imbalance::apply(gr_complex* y, std::size_t count) const
{
    if (active())
        mix_parts(*this, y, count);
}

void rapp_amplifier::apply(gr_complex* y, std::size_t count) const
{
    if (!active())
        return;
    const auto scale = static_cast<float>(1.0 / (saturation * saturation));
    const auto p = static_cast<float>(smoothness);
    const auto root = static_cast<float>(-0.5 / smoothness);
    for (std::size_t k = 0; k < count; ++k)
        y[k] *= std::pow(1.0f + std::pow(std::norm(y[k]) * scale, p), root);
}

} // namespace semisac
} // namespace gr
