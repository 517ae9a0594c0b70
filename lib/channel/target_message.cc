/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "block/tag_values.h"
#include "channel/target_message.h"
#include <climits>
#include <stdexcept>
#include <string>

namespace gr {
namespace semisac {

namespace {

const pmt::pmt_t INDEX = pmt::mp("index");
const pmt::pmt_t RANGE = pmt::mp("range_m");

[[noreturn]] void refuse(const pmt::pmt_t& message, const std::string& expected)
{
    throw std::invalid_argument("target_emulator: message on port targets holds " +
                                pmt::write_string(message) + ", expected " + expected +
                                "; it is ignored.");
}

// A list is made of pairs, as a dictionary is: only the latter knows that it is one.
bool is_dictionary(const pmt::pmt_t& message)
{
    return !pmt::is_null(message) && pmt::is_dict(message) && pmt::is_pair(message) &&
           pmt::is_pair(pmt::car(message)) && pmt::is_symbol(pmt::car(pmt::car(message)));
}

double number_in(const pmt::pmt_t& entry)
{
    const pmt::pmt_t value = pmt::cdr(entry);
    if (pmt::is_real(value)) // its range is checked with the target's
        return pmt::to_double(value);
    const std::optional<int64_t> integer = integer_of(value);
    if (!integer)
        refuse(entry, "a number");
    return static_cast<double>(*integer);
}

int integer_in(const pmt::pmt_t& entry)
{
    const std::optional<int64_t> value = integer_of(pmt::cdr(entry));
    if (!value || *value < INT_MIN || *value > INT_MAX)
        refuse(entry, "an integer");
    return static_cast<int>(*value);
}

void write(point_target& target, const pmt::pmt_t& entry)
{
    const std::string name = pmt::symbol_to_string(pmt::car(entry));
    if (name == "range_m")
        target.range_m = number_in(entry);
    else if (name == "velocity_mps")
        target.velocity_mps = number_in(entry);
    else if (name == "nearest_m")
        target.nearest_m = number_in(entry);
    else if (name == "farthest_m")
        target.farthest_m = number_in(entry);
    else if (name == "rcs_m2")
        target.rcs_m2 = number_in(entry);
    else if (name == "azimuth_rad")
        target.azimuth_rad = number_in(entry);
    else if (name == "swerling")
        target.swerling = integer_in(entry);
    else if (name == "snr_db")
        target.snr_db = number_in(entry);
    else if (name != "index")
        refuse(entry,
               "range_m, velocity_mps, nearest_m, farthest_m, rcs_m2, azimuth_rad, "
               "swerling, snr_db or index");
}

} // namespace

bool changes_one_target(const pmt::pmt_t& message)
{
    return is_dictionary(message) && pmt::dict_has_key(message, INDEX);
}

int index_in(const pmt::pmt_t& message)
{
    return integer_in(pmt::cons(INDEX, pmt::dict_ref(message, INDEX, pmt::PMT_NIL)));
}

void read_target(const pmt::pmt_t& dictionary, point_target& target)
{
    for (pmt::pmt_t rest = pmt::dict_items(dictionary); pmt::is_pair(rest);
         rest = pmt::cdr(rest))
        write(target, pmt::car(rest));
}

std::vector<point_target> read_targets(const pmt::pmt_t& message)
{
    const std::string expected = "a list of dictionaries, each with range_m, or one "
                                 "dictionary with \"index\"";
    if (is_dictionary(message) || !(pmt::is_null(message) || pmt::is_pair(message) ||
                                    pmt::is_vector(message) || pmt::is_tuple(message)))
        refuse(message, expected);
    std::vector<point_target> targets;
    const std::size_t count = pmt::is_null(message) ? 0 : pmt::length(message);
    for (std::size_t i = 0; i < count; ++i) {
        const pmt::pmt_t one = pmt::is_vector(message)  ? pmt::vector_ref(message, i)
                               : pmt::is_tuple(message) ? pmt::tuple_ref(message, i)
                                                        : pmt::nth(i, message);
        if (!is_dictionary(one) || !pmt::dict_has_key(one, RANGE))
            refuse(message, expected);
        targets.emplace_back();
        read_target(one, targets.back());
    }
    return targets;
}

} // namespace semisac
} // namespace gr
