/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_DEVICE_FAULT_H
#define INCLUDED_SEMISAC_DEVICE_FAULT_H

#include <atomic>
#include <chrono>
#include <thread>

namespace gr {
namespace semisac {

//! A simulated device that does not answer, for a while or for ever.
class device_fault
{
public:
    void clear()
    {
        d_vanished = false;
        d_silent_until = 0.0;
    }
    void vanish() { d_vanished = true; }
    void stall(double seconds) { d_silent_until = now_s() + seconds; }

    //! Whether the device is silent; then a moment has gone by.
    bool is_silent() const
    {
        if (!d_vanished && now_s() >= d_silent_until)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        return true;
    }

private:
    static double now_s()
    {
        return std::chrono::duration<double>(
                   std::chrono::steady_clock::now().time_since_epoch())
            .count();
    }

    std::atomic<bool> d_vanished{ false };
    std::atomic<double> d_silent_until{ 0.0 };
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_DEVICE_FAULT_H */
