/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_SIMULATED_TRANSMITTER_H
#define INCLUDED_SEMISAC_SIMULATED_TRANSMITTER_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <cstdint>
#include <utility>

namespace gr {
namespace semisac {

/*!
 * \brief The transmitter of a radio that is not there: what its antenna would send.
 * \ingroup semisac
 *
 * It takes what uhd.usrp_sink takes, and its output is what goes on the air: continuous,
 * at the pace of the wall clock times time_scale, zeros where nothing is sent. Sample 0
 * is sent at the start time when the flowgraph starts. Where the computer does not keep
 * up, samples come later than their time, and nothing is lost.
 *
 * With a time_scale of 0 the clock is that of the samples: the output is as fast as it is
 * taken, and time stands still while the input has not ended and holds nothing. Then
 * nothing is late or runs dry but what is injected, however slow the computer is.
 *
 * A burst begins with tx_sob or tx_time, or with the first sample behind a burst, and
 * ends with tx_eob. With tx_time (tuple of uint64 whole seconds and double fraction) it is
 * sent at that time, to the nearest sample. As in a USRP,
 *
 * - each packet of up to 1000 samples has the time that follows from the last tx_time,
 *   but it is looked at only where nothing is being sent: within a burst samples follow
 *   each other whatever their times are;
 * - a packet whose time is past then is left out, event time_error, and the next one is
 *   looked at by itself: a burst that comes late loses its head, not all of it;
 * - behind the end of a burst 3 samples go by until a time can be looked at (radio_tx_core.v
 *   and new_tx_control.v of UHD's FPGA, at their slowest): a burst that follows at once is
 *   late;
 * - a burst whose samples come too late runs dry, event underflow, and what comes then is
 *   looked at as behind a burst;
 * - burst_ack says that the last sample of a burst was sent, not that all were;
 * - an event has the time at which it was found, not that for which the samples were.
 *
 * Without a time samples are sent as they come; where none is there in time zeros are sent
 * in their place (event underflow), and what follows is sent later than it would have been.
 *
 * The output goes on with zeros when the input has ended, as a radio does.
 *
 * Faults are injected by the methods below, from any thread, and show as those of a
 * radio do. Late and dry frames may be ordered before the start; a new start ends the
 * others.
 *
 * Input 0: gr_complex, bursts or a stream.
 * Output 0: gr_complex; tags of samples that are sent keep to them.
 * Message out "async_msgs", as that of uhd.usrp_sink: pair of the symbol uhd_async_msg
 * and a dictionary with event_code (list of the symbols burst_ack, underflow or
 * time_error), time_spec (pair of long whole seconds and double fraction) and channel
 * (uint64, 0).
 */
class SEMISAC_API simulated_transmitter : virtual public gr::block
{
public:
    typedef std::shared_ptr<simulated_transmitter> sptr;

    /*!
     * \param sample_rate_hz samples a second, 1e3 to 1e10
     * \param time_scale seconds of the radio in a second of the computer, 1e-3 to 1e3, or
     * 0 for a clock of the samples
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(double sample_rate_hz, double time_scale = 1.0);

    /*!
     * \brief Time of sample 0, from the next start on; 0 at first.
     *
     * \throws std::invalid_argument unless 0 <= fraction < 1
     */
    virtual void set_start_time(uint64_t full, double fraction) = 0;
    //! Time of the radio's clock: whole seconds and fraction; it begins with the
    //! flowgraph.
    virtual std::pair<uint64_t, double> time_now() const = 0;
    virtual double time_scale() const = 0;

    /*!
     * \brief The host is held up for so many frames with a time, from the next one on that
     * has `behind` others before it.
     *
     * All packets of these frames (tag packet_len) come when their time is past; a burst
     * that is being sent runs dry.
     */
    virtual void inject_late(int frames, int behind = 0) = 0;
    /*!
     * \brief The next so many frames run dry half way.
     *
     * A frame with a time loses its second half. A frame (tag packet_len) of a stream
     * without times is held up for 1000 samples.
     */
    virtual void inject_underflow(int frames) = 0;
    //! Nothing comes any more, nor is taken, until the flowgraph stops: unplugged.
    virtual void inject_vanish() = 0;
    //! Nothing comes for so long; then all that was due comes at once.
    virtual void inject_stall(double seconds) = 0;

    //! Bursts whose last sample was sent, since the start.
    virtual uint64_t bursts_sent() const = 0;
    //! Packets left out because they were late.
    virtual uint64_t packets_late() const = 0;
    //! Times that samples were missing within a burst or stream.
    virtual uint64_t underflows() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_SIMULATED_TRANSMITTER_H */
