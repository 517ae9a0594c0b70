/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "math/philox.h"
#include <boost/test/unit_test.hpp>
#include <array>
#include <cmath>
#include <complex>
#include <cstdint>

using gr::semisac::philox4x64;
using gr::semisac::random_stream;
using gr::semisac::stream_t;

namespace {

using words_t = std::array<uint64_t, 8>;

words_t first_words(uint64_t seed, stream_t stream, uint64_t frame)
{
    random_stream draws(seed, stream, frame);
    words_t words;
    for (uint64_t& word : words)
        word = draws.word();
    return words;
}

} // namespace

// Random123's own known answers for philox4x64-10 (kat_vectors).
BOOST_AUTO_TEST_CASE(known_answers_of_the_authors)
{
    const philox4x64::block zeros = philox4x64::generate({ 0, 0, 0, 0 }, { 0, 0 });
    const philox4x64::block zeros_expected = {
        0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b
    };
    BOOST_TEST(zeros == zeros_expected, boost::test_tools::per_element());

    const uint64_t f = ~UINT64_C(0);
    const philox4x64::block ones = philox4x64::generate({ f, f, f, f }, { f, f });
    const philox4x64::block ones_expected = {
        0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0
    };
    BOOST_TEST(ones == ones_expected, boost::test_tools::per_element());
}

// numpy.random.Philox(key=[seed, stream], counter=[0, frame, 0, 0]).random_raw(8)
BOOST_AUTO_TEST_CASE(same_words_as_numpy)
{
    const words_t expected0 = { 0xd037f8c3f9a1d176, 0xc057419b4c210765,
                                0xabf13115117b0065, 0x7bae035dea6ea5c0,
                                0xb487ac82e7ddd46f, 0x45e81edba7c59426,
                                0xd0a3831ebe9a338c, 0x90194c97f11d0dc3 };
    BOOST_TEST(first_words(0x0u, stream_t::FADING, 0x0u) == expected0,
               boost::test_tools::per_element());

    const words_t expected1 = { 0x0882851e407d31a9, 0x22c8c62229aaf08d,
                                0xaf9d31c5b9a01400, 0x3121ff5ae166066f,
                                0x36c9ba734aeddddb, 0x58fa00f2342d9c2b,
                                0x779ba0d9f8302271, 0xecbd2ac953af1fda };
    BOOST_TEST(first_words(0x4d2u, stream_t::NOISE, 0x7u) == expected1,
               boost::test_tools::per_element());

    const words_t expected2 = { 0xfbb23d7a278f63de, 0xf28a371983d33f6a,
                                0x55fe5ca13008393a, 0x52950b5172b6c237,
                                0x27410bc1f8b6c4f1, 0xdb27554e435fe766,
                                0x229d60a6e7f87bae, 0xd1bc904dfc0ced00 };
    BOOST_TEST(first_words(0xffffffffffffffffu, stream_t::TARGET, 0xe8d4a51000u) ==
                   expected2,
               boost::test_tools::per_element());

    const words_t expected3 = { 0x41c09289f6bda6e4, 0xc94fc4395614bc8d,
                                0x69d27736715d9518, 0xbdc7c909feb53b3a,
                                0x62470944394fa66e, 0x907e21bec53768cf,
                                0x0502146a91fa6a72, 0xd50f4f3219366545 };
    BOOST_TEST(first_words(0x5u, stream_t::ECHO_FADING, 0x8000000000000000u) == expected3,
               boost::test_tools::per_element());

    const words_t expected4 = { 0xa24c75fc27ed3638, 0x6d7f0e4bd6e42d11,
                                0xcae4558a9b172860, 0x8009bf338098292a,
                                0x89bacbe7a897bb0a, 0x0e4b4ec5409c456d,
                                0xcd5d569bb3f3f9ce, 0xd80c823e5104ff32 };
    BOOST_TEST(first_words(0x123456789abcdefu, stream_t::ECHO_NOISE, 0x1u) == expected4,
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(uniform_excludes_zero_and_includes_one)
{
    random_stream draws(1, stream_t::TARGET, 0);
    double sum = 0.0, sum_of_squares = 0.0;
    const int count = 1000000;
    for (int i = 0; i < count; ++i) {
        const double u = draws.uniform();
        if (!(u > 0.0 && u <= 1.0))
            BOOST_ERROR("uniform draw outside (0, 1]");
        sum += u;
        sum_of_squares += u * u;
    }
    // Five standard errors: of the mean 1/sqrt(12 n), of the mean square sqrt(4/45 / n).
    BOOST_TEST(std::abs(sum / count - 0.5) < 5.0 * std::sqrt(1.0 / 12.0 / count));
    BOOST_TEST(std::abs(sum_of_squares / count - 1.0 / 3.0) <
               5.0 * std::sqrt(4.0 / 45.0 / count));
}

// CN(0, 1): mean 0, E|z|^2 = 1, E z^2 = 0 (circular), E|z|^4 = 2.
BOOST_AUTO_TEST_CASE(moments_of_the_complex_normal)
{
    const int frames = 1000, symbols = 1000;
    const double count = 1.0 * frames * symbols;
    std::complex<double> mean = 0.0, pseudo_variance = 0.0;
    double power = 0.0, fourth = 0.0;
    for (int frame = 0; frame < frames; ++frame) {
        random_stream draws(42, stream_t::NOISE, frame);
        for (int k = 0; k < symbols; ++k) {
            const std::complex<double> z = draws.complex_normal();
            mean += z / count;
            pseudo_variance += z * z / count;
            power += std::norm(z) / count;
            fourth += std::norm(z) * std::norm(z) / count;
        }
    }
    // Five standard errors; |z|^2 is exponential: variance 1, of |z|^4: 24 - 4 = 20.
    BOOST_TEST(std::abs(mean) < 5.0 / std::sqrt(count));
    BOOST_TEST(std::abs(pseudo_variance) < 5.0 * std::sqrt(2.0 / count));
    BOOST_TEST(std::abs(power - 1.0) < 5.0 / std::sqrt(count));
    BOOST_TEST(std::abs(fourth - 2.0) < 5.0 * std::sqrt(20.0 / count));
}
