/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "math/phasor.h"
#include "math/vector_clones.h"
#include "math/vector_math.h"

namespace gr {
namespace semisac {

SEMISAC_VECTOR_CLONES
void phasors(const uint32_t* phases, gr_complex* values, std::size_t count)
{
    auto* out = reinterpret_cast<float*>(values);
    for (std::size_t i = 0; i < count; ++i) {
        float cosine, sine;
        cosine_and_sine(phases[i], cosine, sine);
        out[2 * i] = cosine;
        out[2 * i + 1] = sine;
    }
}

SEMISAC_VECTOR_CLONES
void multiply_into(gr_complex* y, const gr_complex* x, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i)
        y[i] = multiply(y[i], x[i]);
}

SEMISAC_VECTOR_CLONES
void add_scaled(gr_complex* y, const gr_complex* x, gr_complex gain, std::size_t count)
{
    for (std::size_t k = 0; k < count; ++k)
        y[k] += multiply(gain, x[k]);
}

namespace {

//! y[i] = y[i] start table[i].
SEMISAC_VECTOR_CLONES
void turn_samples(gr_complex* y,
                  const gr_complex* table,
                  gr_complex start,
                  std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i)
        y[i] = multiply(y[i], multiply(table[i], start));
}

} // namespace

void tone::set_frequency(double frequency, uint64_t sample)
{
    d_phase.set_step(phase_from_turns(frequency), sample);
    std::array<uint32_t, PIECE> phases;
    for (std::size_t i = 0; i < PIECE; ++i)
        phases[i] = static_cast<uint32_t>((d_phase.step * i) >> 32);
    phasors(phases.data(), d_table.data(), PIECE);
}

void tone::rotate(gr_complex* y, uint64_t sample, std::size_t count) const
{
    const std::size_t place = sample % PIECE;
    turn_samples(y, d_table.data() + place, phasor(d_phase.at(sample - place)), count);
}

} // namespace semisac
} // namespace gr
