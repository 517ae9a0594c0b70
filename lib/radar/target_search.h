/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_TARGET_SEARCH_H
#define INCLUDED_SEMISAC_TARGET_SEARCH_H

#include "radar/cfar_threshold.h"
#include "radar/map_transform.h"
#include "radar/peak_refinement.h"
#include <vector>

namespace gr {
namespace semisac {

//! A target of a map; see cfar_detector.
struct radar_detection {
    double range_m, velocity_mps, azimuth_rad, snr_db;
    double range_deviation_m, velocity_deviation_mps, azimuth_deviation_rad;
};

/*!
 * \brief Threshold, refine, subtract, look again; see
 * semisac_ml.signal.radar_detection.detect.
 */
class target_search
{
public:
    target_search(const radar_parameters& parameters, const cfar_settings& settings);

    const cfar_threshold& threshold() const { return d_threshold; }

    /*!
     * \brief Targets of a map, the strongest first; valid until the next call.
     *
     * \param map [antennas][doppler_bins][range_bins]
     * \param factor of the threshold
     * \param removal of leakage from the map
     */
    const std::vector<radar_detection>&
    search(const gr_complex* map, double factor, leakage_removal_t removal);

private:
    struct target {
        wave_frequency frequency;
        gr_complex amplitude;
    };
    void set_noise_shares();
    void even_out_noise();
    void transform_residual();
    void sum_power(const gr_complex* map);
    void set_row_maxima();
    int strongest_above(double factor);
    void fit(target& one);
    bool are_near(const target& one, const target& other) const;
    void add_target(int place);
    radar_detection measure(const target& one);
    double noise_variance_at(const target& one);

    const map_geometry d_geometry;
    const std::size_t d_most_targets;
    map_transform d_transform;
    cfar_threshold d_threshold;
    peak_refinement d_refinement;

    bool d_static_removed = false;
    std::vector<float> d_noise_shares; // of each row, left of a map without its mean

    complex_buffer d_residual; // cells without the targets so far
    complex_buffer d_plane;    // of one antenna
    complex_buffer d_map;
    volk::vector<float> d_power, d_power_of_antenna;
    volk::vector<float> d_of_row;    // largest of a cell and its neighbours in the row
    volk::vector<float> d_of_square; // and in the rows beside it, of one row
    std::vector<target> d_targets;
    std::vector<std::size_t> d_near;
    std::vector<radar_detection> d_detections;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_TARGET_SEARCH_H */
