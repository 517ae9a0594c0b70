/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_ITEM_H
#define INCLUDED_SEMISAC_FRAME_ITEM_H

#include <gnuradio/gr_complex.h>
#include <gnuradio/semisac/frame_parameters.h>

namespace gr {
namespace semisac {

//! Samples of the items between frame_synchronizer and frame_demodulator: those of a
//! frame in whole pages of memory, of which stream buffers are made.
inline int frame_item_samples(const frame_parameters& parameters)
{
    constexpr int PAGE_SAMPLES = 4096 / sizeof(gr_complex);
    return (parameters.occupied_samples() + PAGE_SAMPLES - 1) / PAGE_SAMPLES *
           PAGE_SAMPLES;
}

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_ITEM_H */
