/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "frame_log.h"
#include "sample_clock.h"
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>

using gr::semisac::frame_log;
using gr::semisac::radio_time;
using gr::semisac::sample_clock;

// A long double has 64 bits: 3e-16 of an hour.
BOOST_AUTO_TEST_CASE(a_million_frames_do_not_drift)
{
    for (const double rate : { 1e6, 61.44e6, 100e6 / 3.0, 520833.0, 12345.678 }) {
        const sample_clock clock(rate);
        const radio_time start{ 1700000000, 0.123456789 };
        const int64_t frame = 5801;
        for (int64_t k = 0; k < 1000000; ++k) {
            const radio_time time = clock.time_of(start, k * frame);
            const long double exact = static_cast<long double>(k * frame) / rate +
                                      static_cast<long double>(start.fraction);
            const long double whole = static_cast<long double>(time.full - start.full);
            if (std::abs(exact - whole - static_cast<long double>(time.fraction)) >
                    5e-16L + exact * 2e-19L ||
                time.fraction < 0.0 || time.fraction >= 1.0 ||
                clock.sample_at(start, time) != k * frame)
                BOOST_FAIL("frame " << k << " at " << rate << " Hz");
        }
    }
}

BOOST_AUTO_TEST_CASE(whole_seconds_are_exact)
{
    const sample_clock clock(10e6);
    for (const int64_t seconds : { 0LL, 1LL, 86400LL, 31536000LL }) {
        const radio_time time = clock.time_of({ 7, 0.25 }, seconds * 10000000 + 1);
        BOOST_CHECK_EQUAL(time.full, 7 + seconds);
        BOOST_CHECK_EQUAL(time.fraction, 0.25 + 1e-7);
    }
}

BOOST_AUTO_TEST_CASE(times_before_the_start)
{
    const sample_clock clock(4.0e3);
    const radio_time time = clock.time_of({ 100, 0.5 }, -3999);
    BOOST_CHECK_EQUAL(time.full, 99);
    BOOST_CHECK_CLOSE(time.fraction, 0.50025, 1e-9);
    BOOST_CHECK_EQUAL(clock.sample_at({ 100, 0.5 }, time), -3999);
    BOOST_CHECK_EQUAL(clock.sample_at({ 100, 0.5 }, { 100, 0.5 + 0.6 / 4e3 }), 1);
}

BOOST_AUTO_TEST_CASE(log_knows_the_newest_frames)
{
    const auto log = std::make_unique<frame_log>();
    BOOST_CHECK_EQUAL(log->frame_at(0), -1);
    for (int64_t k = 0; k < 20000; ++k)
        log->add(100 * k + 10, 80, 1000 + k);
    const int64_t oldest = 20000 - static_cast<int64_t>(frame_log::FRAMES);
    BOOST_CHECK_EQUAL(log->frame_at(100 * oldest + 9), -1);
    BOOST_CHECK_EQUAL(log->frame_at(100 * oldest - 20), -1);
    for (int64_t k = oldest; k < 20000; ++k) {
        BOOST_REQUIRE_EQUAL(log->frame_at(100 * k + 9), -1);
        BOOST_REQUIRE_EQUAL(log->frame_at(100 * k + 10), 1000 + k);
        BOOST_REQUIRE_EQUAL(log->frame_at(100 * k + 89), 1000 + k);
        BOOST_REQUIRE_EQUAL(log->frame_at(100 * k + 90), -1);
    }
}
