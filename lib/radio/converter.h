/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_CONVERTER_H
#define INCLUDED_SEMISAC_CONVERTER_H

#include <gnuradio/gr_complex.h>
#include <cstddef>
#include <cstdint>

namespace gr {
namespace semisac {

/*!
 * \brief Clip and round I and Q as a converter of full scale 1 does.
 *
 * \param steps from 0 to full scale, at most 2^15: levels are -steps ... steps - 1
 * \return samples of which I or Q was clipped; what is no number becomes the lowest level
 */
uint64_t
convert(const gr_complex* samples, gr_complex* out, std::size_t count, float steps);

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_CONVERTER_H */
