/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_VECTOR_MATH_H
#define INCLUDED_SEMISAC_VECTOR_MATH_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace gr {
namespace semisac {

/* Functions without branches and tables, which compilers turn into vector code. The
 * polynomials are those of S. L. Moshier's Cephes library (logf, sinf, cosf), minimax on
 * the reduced range; their error is below one unit of the last place of a float. */

inline float float_of_bits(int32_t bits)
{
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
}

inline int32_t bits_of_float(float value)
{
    int32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/*!
 * \brief -ln((word + 1) / 2^32), the exponential variate of a uniform word.
 *
 * Above sqrt(1/2) the distance to 1 is taken from the complement of the word, so that the
 * result keeps its relative precision down to 2^-32.
 */
inline float minus_log_uniform(uint32_t word)
{
    constexpr int32_t SQRT_HALF = 0x3F3504F3; // bits of 0.70710677
    const float value = static_cast<float>(word + 1u);
    const int32_t bits = bits_of_float(value) - SQRT_HALF;
    const int32_t exponent = bits >> 23;
    const float mantissa = float_of_bits((bits & 0x007FFFFF) + SQRT_HALF);
    const bool near_one = word >= 0xB504F334u; // sqrt(1/2) 2^32
    const float f = near_one ? static_cast<float>(~word) * -0x1p-32f : mantissa - 1.0f;
    const float e = near_one ? 0.0f : static_cast<float>(exponent - 32);

    float p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    const float square = f * f;
    const float tail = p * f * square - 2.12194440e-4f * e - 0.5f * square;
    return -(f + tail + 0.693359375f * e); // ln 2 in two parts
}

//! Cosine and sine of 2 pi phase / 2^32.
inline void cosine_and_sine(uint32_t phase, float& cosine, float& sine)
{
    const uint32_t quadrant = (phase + 0x20000000u) >> 30;
    const auto rest = static_cast<int32_t>(phase - (quadrant << 30));
    const float x = static_cast<float>(rest) * 1.4629180792671596e-9f; // 2 pi 2^-32
    const float z = x * x;
    float s = -1.9515295891e-4f;
    s = s * z + 8.3321608736e-3f;
    s = s * z - 1.6666654611e-1f;
    s = s * z * x + x;
    float c = 2.443315711809948e-5f;
    c = c * z - 1.388731625493765e-3f;
    c = c * z + 4.166664568298827e-2f;
    c = c * z * z - 0.5f * z + 1.0f;
    const bool swap = (quadrant & 1u) != 0;
    const float a = swap ? s : c;
    const float b = swap ? c : s;
    const auto sign_cosine = static_cast<int32_t>(((quadrant + 1u) & 2u) << 30);
    const auto sign_sine = static_cast<int32_t>((quadrant & 2u) << 30);
    cosine = float_of_bits(bits_of_float(a) ^ sign_cosine);
    sine = float_of_bits(bits_of_float(b) ^ sign_sine);
}

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_VECTOR_MATH_H */
