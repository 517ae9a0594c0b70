/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_MIMO_PATHS_H
#define INCLUDED_SEMISAC_MIMO_PATHS_H

#include <gnuradio/semisac/mimo_ofdm_cell.h>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

//! Paths of some frames; frame f has those of f modulo their number.
struct recorded_paths {
    std::vector<mimo_path> paths; //!< [frames][users][paths_of_user]
    int paths_of_user = 0;
};

/*!
 * \brief Check recorded paths.
 *
 * \throws std::invalid_argument where they do not fit the cell, or are not finite
 */
void check_recorded_paths(const recorded_paths& recorded, const mimo_ofdm_cell& cell);

//! Paths of one user in one frame, as they are recorded.
void look_up_paths(const recorded_paths& recorded,
                   const mimo_ofdm_cell& cell,
                   uint64_t frame,
                   int user,
                   std::vector<mimo_path>& paths);

/*!
 * \brief Paths of one user in one frame, drawn.
 *
 * Of the frame's stream a user has 2 words (speed, heading) and 6 a path: two of the
 * gain, arrival, departure, delay, Doppler shift where it is drawn by itself.
 * semisac_ml.signal.mimo_ofdm.drawn_paths gives the same.
 */
void draw_paths(const mimo_ofdm_cell& cell,
                double speed_mps,
                uint64_t seed,
                uint64_t frame,
                int user,
                std::vector<mimo_path>& paths);

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_MIMO_PATHS_H */
