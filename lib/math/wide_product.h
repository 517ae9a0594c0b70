/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_WIDE_PRODUCT_H
#define INCLUDED_SEMISAC_WIDE_PRODUCT_H

#include <cstdint>

namespace gr {
namespace semisac {

//! The 128 bits of a product of two numbers of 64.
struct wide_product {
    uint64_t high;
    uint64_t low;
};

//! Of four products of halves, as on paper; no partial sum exceeds 64 bits.
constexpr wide_product multiply_halves(uint64_t a, uint64_t b)
{
    const uint64_t a0 = a & 0xFFFFFFFFu, a1 = a >> 32;
    const uint64_t b0 = b & 0xFFFFFFFFu, b1 = b >> 32;
    const uint64_t middle = a1 * b0 + ((a0 * b0) >> 32);
    const uint64_t carry = (middle & 0xFFFFFFFFu) + a0 * b1;
    return { a1 * b1 + (middle >> 32) + (carry >> 32), a * b };
}

//! The same, where the machine has an instruction for it (64 bit machines).
constexpr wide_product multiply_wide(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    __extension__ using uint128 = unsigned __int128;
    const uint128 product = static_cast<uint128>(a) * b;
    return { static_cast<uint64_t>(product >> 64), static_cast<uint64_t>(product) };
#else
    return multiply_halves(a, b);
#endif
}

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_WIDE_PRODUCT_H */
