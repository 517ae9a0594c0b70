/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_MIMO_OFDM_CHANNEL_H
#define INCLUDED_SEMISAC_MIMO_OFDM_CHANNEL_H

#include <gnuradio/block.h>
#include <gnuradio/semisac/api.h>
#include <gnuradio/semisac/mimo_ofdm_cell.h>
#include <cstdint>
#include <vector>

namespace gr {
namespace semisac {

/*!
 * \brief Time-varying multipath between the users of a cell and its base station, OFDM
 * symbol by OFDM symbol, seen through analog beams.
 * \ingroup semisac
 *
 * With L_p paths the channel of user k in OFDM symbol q on subcarrier n is
 *
 *     H[k, q, n] = sum_l g_l a_r(l) a_t(l)^H exp(j 2 pi (f_l q T - n D t_l)),
 *
 * g_l ~ CN(0, 1 / L_p), angles uniform on the circle at both ends, delays t_l uniform up
 * to delay_s, shifts f_l by the law of Doppler; elements of a_r and a_t have modulus 1,
 * so that E|h|^2 = 1 between two antennas. It is constant in a symbol: delays are to be
 * shorter than the prefix, shifts far below the spacing D.
 *
 *     UP:   y[q, n] = W (sum_k H[k, q, n] F_k x_k[q, n] + w[q, n]),
 *     DOWN: y_k[q, n] = V_k (H[k, q, n]^T X x[q, n] + w_k[q, n]),
 *
 * w ~ CN(0, N0) at each antenna, N0 = 10^(-snr_db / 10), so that noise of chains has the
 * covariance N0 W W^H. The SNR is that of a user of power 1 at one antenna. Matrices
 * between all antennas are never made.
 *
 * An item is one OFDM symbol: [subcarriers][chains]. A frame is `symbols` items from the
 * one with the tag frame_id on, and has these paths: those of (seed, frame_id, user). An
 * UP and a DOWN block of the same seed and cell are the same physical channel, where
 * first_symbol says how far behind pilots data begin. A frame_id that comes again has the
 * same paths and noise.
 *
 * Frames of several users meet by frame_id; where it goes back, a transmitter began anew.
 * A user's frame that is not there, is cut short (frames_truncated) or cannot be used
 * (frames_refused) is silence (frames_missed). frame_id of a DOWN frame that cannot be
 * used is left out. Inputs that end are silent from there on; the block ends with the
 * last of them.
 *
 * Combiners W or V_k are a table, for each symbol of a frame, or (UP) come as messages:
 * a frame waits for its own, up to most_waiting frames. One whose combiner does not come
 * is left out (frames_lost): when that of a later frame is there, or after patience_s.
 *
 * Random draws come from a counter (lib/math/philox.h): semisac_ml.signal.mimo_ofdm gives
 * the same symbols to single precision, however the scheduler splits the stream.
 *
 * Inputs: UP, one a user, gr_complex[subcarriers * user_chains]; DOWN, one,
 * gr_complex[subcarriers * station_chains]. Tags: frame_id (integer) on a frame's first
 * item; precoder (c32vector, F_k or X, [antennas][chains]) there and on any item of the
 * frame where it changes.
 * Outputs: UP, one, gr_complex[subcarriers * station_chains]; DOWN, one a user. Tags on a
 * frame's first item: frame_id, snr_db, noise_var (N0), DOWN doppler_hz (the largest
 * shift of the user's paths, without its sign); other tags pass, UP those of the first
 * user that is there. Message in "settings": dictionary {"snr_db": dB, "speed_mps": m/s},
 * either or both. Message in "combiner" (UP, without a table): PDU ({"frame_id": integer}
 * . c32vector), W as [chains][antennas].
 *
 * Source: M. Wu, Z. Gao, "E2E Learning Massive MIMO for Multimodal Semantic
 * Non-Orthogonal Transmission and Fusion", Eqs. (3), (4), (6) to (9); the roots of (7)
 * and (8) are left out, with which |h|^2 would be 1 / (N_t N_r).
 */
class SEMISAC_API mimo_ofdm_channel : virtual public gr::block
{
public:
    typedef std::shared_ptr<mimo_ofdm_channel> sptr;

    /*!
     * \param direction from users to the base station, or the other way
     * \param symbols OFDM symbols of a frame, 1 to 1024
     * \param cell antennas, chains, users, subcarriers, laws of paths
     * \param combiner table [receivers (UP: 1, DOWN: users)][symbols][chains][antennas];
     * empty, UP: by messages
     * \param first_symbol number of a frame's first OFDM symbol, at least 0
     * \param snr_db -200 to 200; 200: no noise
     * \param seed key of the random draws
     * \param most_waiting frames of a user that are kept, 2 to 1024
     * \param patience_s for which a frame waits for its combiner, at most 3600
     * \throws std::invalid_argument for a parameter out of range
     */
    static sptr make(link_direction_t direction,
                     int symbols,
                     const mimo_ofdm_cell& cell = mimo_ofdm_cell(),
                     const std::vector<gr_complex>& combiner = {},
                     int first_symbol = 0,
                     double snr_db = 10.0,
                     uint64_t seed = 0,
                     int most_waiting = 16,
                     double patience_s = 10.0);

    //! SNR in dB, used from the next frame on.
    virtual void set_snr_db(double snr_db) = 0;
    virtual double snr_db() const = 0;

    //! Highest speed in m/s, 0 to 1e5, used from the next frame on.
    virtual void set_speed_mps(double speed_mps) = 0;
    virtual double speed_mps() const = 0;

    /*!
     * \brief Have recorded paths in the place of drawn ones, from the next frame on.
     *
     * Frame f has those of f modulo their number.
     *
     * \param paths [frames][users][paths_of_user]; empty: drawn ones again
     * \throws std::invalid_argument where they do not fit, or are not finite
     */
    virtual void set_recorded_paths(const std::vector<mimo_path>& paths,
                                    int paths_of_user) = 0;

    virtual const mimo_ofdm_cell& cell() const = 0;

    //! Frames whose combiner did not come; they are left out.
    virtual uint64_t frames_lost() const = 0;
    //! Users' frames that were not there while others were; silence is in their place.
    virtual uint64_t frames_missed() const = 0;
    //! Frames without a number, a good precoder, or good symbols.
    virtual uint64_t frames_refused() const = 0;
    //! Frames that the next one's begin cut short.
    virtual uint64_t frames_truncated() const = 0;
    //! Combiners that were replaced by newer ones, or whose frame did not come.
    virtual uint64_t combiners_dropped() const = 0;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_MIMO_OFDM_CHANNEL_H */
