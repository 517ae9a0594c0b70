/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "block/parameter_checks.h"
#include "channel/mimo_paths.h"
#include "math/philox.h"
#include "math/speed_of_light.h"
#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace gr {
namespace semisac {

namespace {

constexpr int USER_DRAWS = 2, PATH_DRAWS = 6;

bool is_finite(const mimo_path& path)
{
    return std::isfinite(path.gain.real()) && std::isfinite(path.gain.imag()) &&
           std::isfinite(path.arrival) && std::isfinite(path.departure) &&
           std::isfinite(path.delay_s) && std::isfinite(path.doppler_hz);
}

} // namespace

void check_recorded_paths(const recorded_paths& recorded, const mimo_ofdm_cell& cell)
{
    const std::size_t count = recorded.paths.size();
    const std::size_t of_frame =
        static_cast<std::size_t>(cell.users) * std::max(recorded.paths_of_user, 0);
    if (count > 0 && (of_frame == 0 || count % of_frame != 0))
        throw std::invalid_argument("mimo_ofdm_channel: recorded paths are " +
                                    number_text(count) + ", expected frames of " +
                                    number_text(cell.users) + " users with " +
                                    number_text(recorded.paths_of_user) +
                                    " paths each; pad with paths of gain 0.");
    const auto wrong =
        std::find_if_not(recorded.paths.begin(),
                         recorded.paths.end(),
                         [](const mimo_path& path) { return is_finite(path); });
    if (wrong != recorded.paths.end())
        throw std::invalid_argument("mimo_ofdm_channel: recorded path " +
                                    number_text(wrong - recorded.paths.begin()) +
                                    " is not finite, expected finite numbers; record "
                                    "it anew or give it a gain of 0.");
}

void look_up_paths(const recorded_paths& recorded,
                   const mimo_ofdm_cell& cell,
                   uint64_t frame,
                   int user,
                   std::vector<mimo_path>& paths)
{
    const std::size_t count = recorded.paths_of_user;
    const uint64_t frames = recorded.paths.size() / (cell.users * count);
    const auto first =
        recorded.paths.begin() +
        static_cast<std::ptrdiff_t>((frame % frames * cell.users + user) * count);
    paths.assign(first, first + static_cast<std::ptrdiff_t>(count));
}

void draw_paths(const mimo_ofdm_cell& cell,
                double speed_mps,
                uint64_t seed,
                uint64_t frame,
                int user,
                std::vector<mimo_path>& paths)
{
    random_stream draws(seed, stream_t::MIMO_PATHS, frame);
    draws.skip(static_cast<uint64_t>(user) * (USER_DRAWS + PATH_DRAWS * cell.paths));
    const double most_doppler_hz = speed_mps * cell.carrier_hz / SPEED_OF_LIGHT_MPS;
    const double doppler_hz = most_doppler_hz * draws.uniform();
    const double heading = 2.0 * M_PI * draws.uniform();
    const double amplitude = 1.0 / std::sqrt(static_cast<double>(cell.paths));
    paths.resize(cell.paths);
    for (mimo_path& path : paths) {
        path.gain = amplitude * draws.complex_normal();
        path.arrival = std::sin(2.0 * M_PI * draws.uniform());
        const double angle = 2.0 * M_PI * draws.uniform();
        path.departure = std::sin(angle);
        path.delay_s = cell.delay_s * draws.uniform();
        const double alone = most_doppler_hz * draws.uniform();
        path.doppler_hz = cell.doppler == doppler_law_t::PATHS
                              ? alone
                              : doppler_hz * std::cos(angle - heading);
    }
}

} // namespace semisac
} // namespace gr
