/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_POWER_OF_TWO_H
#define INCLUDED_SEMISAC_POWER_OF_TWO_H

namespace gr {
namespace semisac {

//! The smallest power of two that is not below `least`.
inline int power_of_two(int least)
{
    int size = 1;
    while (size < least)
        size *= 2;
    return size;
}

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_POWER_OF_TWO_H */
