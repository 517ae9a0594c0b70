/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "channel/delay_profile.h"
#include <cmath>
#include <stdexcept>

namespace gr {
namespace semisac {

namespace {

struct table {
    double los_db;                        // power of the path without obstacle
    std::vector<profile_tap> fading_taps; // powers in dB
};

constexpr double NO_PATH_DB = -1000.0;

// 3GPP TR 38.901, table 7.7.2-1: normalised delay, power in dB.
table tdl_a()
{
    return { NO_PATH_DB,
             { { 0.0, -13.4, 0.0 },    { 0.3819, 0.0, 0.0 },   { 0.4025, -2.2, 0.0 },
               { 0.5868, -4.0, 0.0 },  { 0.461, -6.0, 0.0 },   { 0.5375, -8.2, 0.0 },
               { 0.6708, -9.9, 0.0 },  { 0.575, -10.5, 0.0 },  { 0.7618, -7.5, 0.0 },
               { 1.5375, -15.9, 0.0 }, { 1.8978, -6.6, 0.0 },  { 2.2242, -16.7, 0.0 },
               { 2.1718, -12.4, 0.0 }, { 2.4942, -15.2, 0.0 }, { 2.5119, -10.8, 0.0 },
               { 3.0582, -11.3, 0.0 }, { 4.081, -12.7, 0.0 },  { 4.4579, -16.2, 0.0 },
               { 4.5695, -18.3, 0.0 }, { 4.7966, -18.9, 0.0 }, { 5.0066, -16.6, 0.0 },
               { 5.3043, -19.9, 0.0 }, { 9.6586, -29.7, 0.0 } } };
}

// 3GPP TR 38.901, table 7.7.2-2: normalised delay, power in dB.
table tdl_b()
{
    return { NO_PATH_DB,
             { { 0.0, 0.0, 0.0 },     { 0.1072, -2.2, 0.0 },  { 0.2155, -4.0, 0.0 },
               { 0.2095, -3.2, 0.0 }, { 0.287, -9.8, 0.0 },   { 0.2986, -1.2, 0.0 },
               { 0.3752, -3.4, 0.0 }, { 0.5055, -5.2, 0.0 },  { 0.3681, -7.6, 0.0 },
               { 0.3697, -3.0, 0.0 }, { 0.57, -8.9, 0.0 },    { 0.5283, -9.0, 0.0 },
               { 1.1021, -4.8, 0.0 }, { 1.2756, -5.7, 0.0 },  { 1.5474, -7.5, 0.0 },
               { 1.7842, -1.9, 0.0 }, { 2.0169, -7.6, 0.0 },  { 2.8294, -12.2, 0.0 },
               { 3.0219, -9.8, 0.0 }, { 3.6187, -11.4, 0.0 }, { 4.1067, -14.9, 0.0 },
               { 4.279, -9.2, 0.0 },  { 4.7834, -11.3, 0.0 } } };
}

// 3GPP TR 38.901, table 7.7.2-3: normalised delay, power in dB.
table tdl_c()
{
    return { NO_PATH_DB,
             { { 0.0, -4.4, 0.0 },     { 0.2099, -1.2, 0.0 },  { 0.2219, -3.5, 0.0 },
               { 0.2329, -5.2, 0.0 },  { 0.2176, -2.5, 0.0 },  { 0.6366, 0.0, 0.0 },
               { 0.6448, -2.2, 0.0 },  { 0.656, -3.9, 0.0 },   { 0.6584, -7.4, 0.0 },
               { 0.7935, -7.1, 0.0 },  { 0.8213, -10.7, 0.0 }, { 0.9336, -11.1, 0.0 },
               { 1.2285, -5.1, 0.0 },  { 1.3083, -6.8, 0.0 },  { 2.1704, -8.7, 0.0 },
               { 2.7105, -13.2, 0.0 }, { 4.2589, -13.9, 0.0 }, { 4.6003, -13.9, 0.0 },
               { 5.4902, -15.8, 0.0 }, { 5.6077, -17.1, 0.0 }, { 6.3065, -16.0, 0.0 },
               { 6.6374, -15.7, 0.0 }, { 7.0427, -21.6, 0.0 }, { 8.6523, -22.8, 0.0 } } };
}

// 3GPP TR 38.901, table 7.7.2-4: normalised delay, power in dB.
table tdl_d()
{
    return { -0.2,
             { { 0.0, -13.5, 0.0 },
               { 0.035, -18.8, 0.0 },
               { 0.612, -21.0, 0.0 },
               { 1.363, -22.8, 0.0 },
               { 1.405, -17.9, 0.0 },
               { 1.804, -20.1, 0.0 },
               { 2.596, -21.9, 0.0 },
               { 1.775, -22.9, 0.0 },
               { 4.042, -27.8, 0.0 },
               { 7.937, -23.6, 0.0 },
               { 9.424, -24.8, 0.0 },
               { 9.708, -30.0, 0.0 },
               { 12.525, -27.7, 0.0 } } };
}

// 3GPP TR 38.901, table 7.7.2-5: normalised delay, power in dB.
table tdl_e()
{
    return { -0.03,
             { { 0.0, -22.03, 0.0 },
               { 0.5133, -15.8, 0.0 },
               { 0.544, -18.1, 0.0 },
               { 0.563, -19.8, 0.0 },
               { 0.544, -22.9, 0.0 },
               { 0.7112, -22.4, 0.0 },
               { 1.9092, -18.6, 0.0 },
               { 1.9293, -20.8, 0.0 },
               { 1.9589, -22.6, 0.0 },
               { 2.6426, -22.3, 0.0 },
               { 3.7136, -25.6, 0.0 },
               { 5.4524, -20.2, 0.0 },
               { 12.0034, -29.8, 0.0 },
               { 20.6519, -29.2, 0.0 } } };
}

table table_of(const std::string& name)
{
    if (name == "A")
        return tdl_a();
    if (name == "B")
        return tdl_b();
    if (name == "C")
        return tdl_c();
    if (name == "D")
        return tdl_d();
    if (name == "E")
        return tdl_e();
    throw std::invalid_argument("fading_channel: profile is \"" + name +
                                "\", expected \"A\", \"B\", \"C\", \"D\", \"E\" or "
                                "\"\" for none; give one of these names.");
}

} // namespace

std::vector<profile_tap> tdl_profile(const std::string& name)
{
    const table found = table_of(name);
    std::vector<profile_tap> taps = found.fading_taps;
    double sum = 0.0;
    for (profile_tap& tap : taps)
        tap.power = std::pow(10.0, tap.power / 10.0);
    const double los = std::pow(10.0, found.los_db / 10.0);
    taps.front().los = los / (los + taps.front().power);
    taps.front().power += los;
    for (const profile_tap& tap : taps)
        sum += tap.power;
    for (profile_tap& tap : taps)
        tap.power /= sum;
    return taps;
}

} // namespace semisac
} // namespace gr
