/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "radio/frame_log.h"
#include "radio/sample_clock.h"
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>

using gr::semisac::frame_log;
using gr::semisac::radio_time;
using gr::semisac::sample_clock;

namespace {

// By how many samples a time lies behind the sample that it is said to be of. What is
// large cancels before anything is rounded, and fma gives what products lose: double
// precision is enough, whatever a long double is on the machine.
double samples_behind(const radio_time& start,
                      const radio_time& time,
                      int64_t sample,
                      double rate)
{
    const auto seconds =
        static_cast<double>(static_cast<int64_t>(time.full - start.full));
    const double whole = seconds * rate;
    const double whole_lost = std::fma(seconds, rate, -whole);
    const double fraction = time.fraction - start.fraction;
    const double back = fraction - time.fraction;
    const double fraction_lost =
        (time.fraction - (fraction - back)) - (start.fraction + back);
    const double part = fraction * rate;
    const double part_lost = std::fma(fraction, rate, -part);
    return (whole - static_cast<double>(sample) + part) +
           (whole_lost + part_lost + fraction_lost * rate);
}

// Half of the last bit of a quotient below 1, and of its sum with the start, below 2.
constexpr double LARGEST_ERROR_S = 0x1p-54 + 0x1p-53;

} // namespace

BOOST_AUTO_TEST_CASE(a_million_frames_do_not_drift)
{
    for (const double rate : { 1e6, 61.44e6, 100e6 / 3.0, 520833.0, 12345.678, 1e10 }) {
        const sample_clock clock(rate);
        const radio_time start{ 1700000000, 0.123456789 };
        const int64_t frame = 5801;
        for (int64_t k = -1000; k < 1000000; ++k) {
            const radio_time time = clock.time_of(start, k * frame);
            if (std::abs(samples_behind(start, time, k * frame, rate)) >
                    LARGEST_ERROR_S * rate ||
                time.fraction < 0.0 || time.fraction >= 1.0 ||
                clock.sample_at(start, time) != k * frame)
                BOOST_FAIL("frame " << k << " at " << rate << " Hz");
        }
    }
}

// A hundred years at the highest rate, either way: 72 bits of samples times 2^s.
BOOST_AUTO_TEST_CASE(a_hundred_years)
{
    for (const double rate : { 1e3, 1000.1, 1e9 / 3.0, 2.8e9 }) {
        const sample_clock clock(rate);
        const radio_time start{ UINT64_C(4000000000), 0.75 };
        // whole numbers that double precision holds
        const int64_t years = static_cast<int64_t>(3.15576e9 * rate) / 2048 * 2048;
        for (const int64_t sample : { years, -years, years - 2048, 2048 - years }) {
            const radio_time time = clock.time_of(start, sample);
            BOOST_CHECK_LE(std::abs(samples_behind(start, time, sample, rate)),
                           LARGEST_ERROR_S * rate);
            BOOST_CHECK_EQUAL(clock.sample_at(start, time), sample);
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
