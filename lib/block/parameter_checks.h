/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_PARAMETER_CHECKS_H
#define INCLUDED_SEMISAC_PARAMETER_CHECKS_H

#include <locale>
#include <sstream>
#include <stdexcept>
#include <string>

namespace gr {
namespace semisac {

//! SNR in dB beyond which single precision cannot hold signal and noise any more.
constexpr double LARGEST_SNR_DB = 200.0;

//! A number with a decimal point, whatever the locale of the program says.
template <typename T>
std::string number_text(T value)
{
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << value;
    return text.str();
}

/*!
 * \brief Return `value` when it lies in [lowest, highest].
 *
 * \param where block and parameter, for the message
 * \param hint what to do instead, for the message
 * \throws std::invalid_argument otherwise, not-a-number included
 */
template <typename T>
T require_in_range(
    const std::string& where, T value, T lowest, T highest, const std::string& hint)
{
    if (value >= lowest && value <= highest)
        return value;
    throw std::invalid_argument(where + " is " + number_text(value) + ", expected " +
                                number_text(lowest) + " to " + number_text(highest) +
                                "; " + hint + ".");
}

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_PARAMETER_CHECKS_H */
