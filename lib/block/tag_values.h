/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_TAG_VALUES_H
#define INCLUDED_SEMISAC_TAG_VALUES_H

#include <gnuradio/logger.h>
#include <gnuradio/tags.h>
#include <pmt/pmt.h>
#include <cmath>
#include <complex>
#include <cstdint>
#include <optional>

namespace gr {
namespace semisac {

/* What tags and messages carry comes from anywhere: recordings, other modules, Python.
 * These read it, whichever of PMT's kinds it is written as, and never throw. */

//! An integer of either kind that int64_t can hold.
inline std::optional<int64_t> integer_of(const pmt::pmt_t& value)
{
    if (pmt::is_uint64(value)) {
        const uint64_t number = pmt::to_uint64(value);
        if (number > static_cast<uint64_t>(INT64_MAX))
            return std::nullopt;
        return static_cast<int64_t>(number);
    }
    if (pmt::is_integer(value))
        return pmt::to_long(value);
    return std::nullopt;
}

//! A finite number, real or integer.
inline std::optional<double> real_of(const pmt::pmt_t& value)
{
    if (const std::optional<int64_t> integer = integer_of(value))
        return static_cast<double>(*integer);
    if (pmt::is_real(value) && std::isfinite(pmt::to_double(value)))
        return pmt::to_double(value);
    return std::nullopt;
}

//! A finite number, complex or real.
inline std::optional<std::complex<double>> complex_of(const pmt::pmt_t& value)
{
    if (const std::optional<double> real = real_of(value))
        return *real;
    if (!pmt::is_complex(value))
        return std::nullopt;
    const std::complex<double> number = pmt::to_complex(value);
    if (!std::isfinite(number.real()) || !std::isfinite(number.imag()))
        return std::nullopt;
    return number;
}

/*!
 * \brief Reads the tags of a block; those that are not what they should be are ignored.
 *
 * The first of them is reported, and then the 10th, the 100th, and so on.
 */
class tag_reader
{
public:
    explicit tag_reader(const gr::logger_ptr& logger) : d_logger(logger) {}

    //! Value of a tag that holds an integer from `least` to `most`, else `otherwise`.
    int64_t integer(const tag_t& tag, int64_t least, int64_t most, int64_t otherwise)
    {
        const std::optional<int64_t> value = integer_of(tag.value);
        if (value && *value >= least && *value <= most)
            return *value;
        ignore(tag,
               most == INT64_MAX ? fmt::format("an integer from {} on", least)
                                 : fmt::format("an integer from {} to {}", least, most));
        return otherwise;
    }

    //! Value of a tag that holds a finite number, else `otherwise`.
    double real(const tag_t& tag, double otherwise)
    {
        if (const std::optional<double> value = real_of(tag.value))
            return *value;
        ignore(tag, "a finite number");
        return otherwise;
    }

private:
    void ignore(const tag_t& tag, const std::string& expected)
    {
        if (++d_ignored < d_reported)
            return;
        d_reported *= 10;
        d_logger->warn("tag {} at item {} is {}, expected {}; it is ignored, {} so far",
                       pmt::write_string(tag.key),
                       tag.offset,
                       pmt::write_string(tag.value),
                       expected,
                       d_ignored);
    }

    gr::logger_ptr d_logger;
    uint64_t d_ignored = 0, d_reported = 1;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_TAG_VALUES_H */
