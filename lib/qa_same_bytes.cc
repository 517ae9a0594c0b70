/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// The same seed gives the same bytes on every machine, in whatever way it was compiled.

#include <gnuradio/blocks/vector_sink.h>
#include <gnuradio/blocks/vector_source.h>
#include <gnuradio/semisac/echo_channel.h>
#include <gnuradio/semisac/fading_channel.h>
#include <gnuradio/top_block.h>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

// Volatile, so that the compiler does not multiply them itself.
volatile float FACTOR = 1.0f + 0x1p-12f;
volatile float MINUS_SQUARE = -(1.0f + 0x1p-11f);

// FNV-1a (Fowler, Noll, Vo) of the numbers' bits, whatever the order of their bytes.
uint64_t digest(const std::vector<gr_complex>& values)
{
    uint64_t hash = 0xCBF29CE484222325u;
    const auto add = [&hash](float value) {
        uint32_t bits;
        std::memcpy(&bits, &value, sizeof(bits));
        for (int byte = 0; byte < 4; ++byte)
            hash = (hash ^ (bits >> 8 * byte & 0xFFu)) * 0x100000001B3u;
    };
    for (const gr_complex value : values) {
        add(value.real());
        add(value.imag());
    }
    return hash;
}

// A ramp of whole numbers in I and Q through a block of one input and one output, whose
// items have `in` and `out` samples.
uint64_t digest_behind(gr::basic_block_sptr block, int samples, int in = 1, int out = 1)
{
    std::vector<gr_complex> ramp(samples);
    for (int n = 0; n < samples; ++n)
        ramp[n] = gr_complex(n % 257 - 128, n % 101 - 50) * 0x1p-8f;
    const auto top = gr::make_top_block("same bytes");
    const auto source = gr::blocks::vector_source_c::make(ramp, false, in);
    const auto sink = gr::blocks::vector_sink_c::make(out);
    top->connect(source, 0, block, 0);
    top->connect(block, 0, sink, 0);
    top->run();
    BOOST_CHECK_EQUAL(sink->data().size(), ramp.size() / in * out);
    return digest(sink->data());
}

} // namespace

// The square of 1 + 2^-12 lies between two floats: rounded it is 1 + 2^-11, fused with
// the sum 2^-24 would be left.
BOOST_AUTO_TEST_CASE(products_are_rounded_before_they_are_added_to)
{
    const float factor = FACTOR;
    BOOST_CHECK_EQUAL(factor * factor + MINUS_SQUARE, 0.0f);
}

// At 0 dB the noise takes but +, -, *, sqrt and whole numbers
// (lib/channel/sample_noise.h), which IEEE 754 defines to the last bit; no function of
// the mathematical library.
BOOST_AUTO_TEST_CASE(noise)
{
    const auto channel = gr::semisac::fading_channel::make(
        1, gr::semisac::channel_model_t::AWGN, 0.0, 0x123456789ABCDEFu);
    BOOST_CHECK_EQUAL(digest_behind(channel, 100000), 0x1602F79B75EA9F91u);
}

// Gains come from log, cos and sin in double precision. Libraries whose last bits differ
// round to another float once in some 2^27 gains, and here are 10,000.
BOOST_AUTO_TEST_CASE(fading)
{
    const auto channel = gr::semisac::fading_channel::make(
        1, gr::semisac::channel_model_t::RAYLEIGH, 200.0, 7);
    BOOST_CHECK_EQUAL(digest_behind(channel, 10000), 0xCCFE7C5148FA89F8u);
}

// Sums of products outside of the vectorised loops: fused, one value in 25 is another
// one.
BOOST_AUTO_TEST_CASE(echoes)
{
    const auto echo =
        gr::semisac::echo_channel::make(10,
                                        2,
                                        3.0,
                                        3.0,
                                        5,
                                        gr::semisac::echo_fading_t::TWO_HOP_RAYLEIGH,
                                        true,
                                        0.05,
                                        0.5,
                                        7);
    BOOST_CHECK_EQUAL(digest_behind(echo, 10000, 10, 15), 0x94F0BECB6EE96248u);
}
