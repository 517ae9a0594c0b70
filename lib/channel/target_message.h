/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_TARGET_MESSAGE_H
#define INCLUDED_SEMISAC_TARGET_MESSAGE_H

#include <gnuradio/semisac/target_emulator.h>
#include <pmt/pmt.h>
#include <vector>

namespace gr {
namespace semisac {

//! Whether a message is one dictionary with the key "index".
bool changes_one_target(const pmt::pmt_t& message);

//! Value of "index"; throws std::invalid_argument where it is no integer.
int index_in(const pmt::pmt_t& message);

/*!
 * \brief Write the values that a dictionary names into a target.
 *
 * \throws std::invalid_argument for a name that is none, or a value that is no number
 */
void read_target(const pmt::pmt_t& dictionary, point_target& target);

//! Targets of a list, tuple or vector of dictionaries; throws std::invalid_argument.
std::vector<point_target> read_targets(const pmt::pmt_t& message);

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_TARGET_MESSAGE_H */
