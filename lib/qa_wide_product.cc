/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "math/philox.h"
#include "math/wide_product.h"
#include <boost/test/unit_test.hpp>
#include <cstdint>

using gr::semisac::multiply_halves;
using gr::semisac::multiply_wide;
using gr::semisac::random_stream;
using gr::semisac::stream_t;
using gr::semisac::wide_product;

BOOST_AUTO_TEST_CASE(products_that_are_known)
{
    const uint64_t ones = ~UINT64_C(0); // (2^64 - 1)^2 = 2^128 - 2^65 + 1
    BOOST_CHECK_EQUAL(multiply_halves(ones, ones).high, ones - 1);
    BOOST_CHECK_EQUAL(multiply_halves(ones, ones).low, 1);
    BOOST_CHECK_EQUAL(multiply_halves(UINT64_C(1) << 63, 6).high, 3);
    BOOST_CHECK_EQUAL(multiply_halves(UINT64_C(1) << 63, 6).low, 0);
    // 10^19 times 10^19 is 10^38.
    const uint64_t power = UINT64_C(10000000000000000000);
    BOOST_CHECK_EQUAL(multiply_halves(power, power).high, UINT64_C(0x4B3B4CA85A86C47A));
    BOOST_CHECK_EQUAL(multiply_halves(power, power).low, UINT64_C(0x098A224000000000));
}

// Machines of 32 and 64 bits draw the same numbers: both ways of multiplying agree.
BOOST_AUTO_TEST_CASE(halves_give_what_the_machine_gives)
{
    random_stream draws(1, stream_t::NOISE, 0);
    for (int i = 0; i < 200000; ++i) {
        // numbers of every length: products with and without each carry
        const uint64_t a = draws.word() >> i % 64, b = draws.word() >> i / 64 % 64;
        const wide_product halves = multiply_halves(a, b), wide = multiply_wide(a, b);
        if (halves.high != wide.high || halves.low != wide.low)
            BOOST_FAIL(a << " times " << b);
    }
}
