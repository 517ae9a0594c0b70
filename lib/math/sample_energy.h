/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SAMPLE_ENERGY_H
#define INCLUDED_SEMISAC_SAMPLE_ENERGY_H

#include <gnuradio/gr_complex.h>
#include <volk/volk.h>

namespace gr {
namespace semisac {

//! Energy up to which single precision holds the squares of spectra and correlations.
constexpr float LARGEST_ENERGY = 1e30f;

//! sum |x|^2
inline float energy_of(const gr_complex* samples, int count)
{
    gr_complex energy;
    volk_32fc_x2_conjugate_dot_prod_32fc(&energy, samples, samples, count);
    return energy.real();
}

/*!
 * \brief Whether samples are numbers that can be worked with.
 *
 * One that is damaged, not a number, infinite or beyond 1e15, spoils every sum it is in.
 */
inline bool are_sound(const gr_complex* samples, int count)
{
    return energy_of(samples, count) < LARGEST_ENERGY; // false for not-a-number
}

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SAMPLE_ENERGY_H */
