/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SPEED_OF_LIGHT_H
#define INCLUDED_SEMISAC_SPEED_OF_LIGHT_H

namespace gr {
namespace semisac {

//! In vacuum, exact by the definition of the metre.
constexpr double SPEED_OF_LIGHT_MPS = 299792458.0;

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SPEED_OF_LIGHT_H */
