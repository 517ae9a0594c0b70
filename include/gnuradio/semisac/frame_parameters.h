/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SEMISAC_FRAME_PARAMETERS_H
#define INCLUDED_SEMISAC_FRAME_PARAMETERS_H

#include <gnuradio/semisac/api.h>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gr {
namespace semisac {

//! Body of a frame: one run of OFDM symbols, or chirps with OFDM symbols between.
enum class frame_type_t { OFDM, LFM };

/*!
 * \brief The frame type called "ofdm" or "lfm".
 *
 * \throws std::invalid_argument for any other name.
 */
SEMISAC_API frame_type_t frame_type_from_name(const std::string& name);

//! Bits of a header before and behind the convolutional code; see
//! lib/frame/frame_header.h.
constexpr int HEADER_BITS = 112;
constexpr int CODED_HEADER_BITS = 2 * (HEADER_BITS + 6);

/*!
 * \brief What transmitter and receiver must agree upon to exchange frames.
 * \ingroup semisac
 *
 * A frame is [up-chirp][down-chirp][header][body][gap]. Header and body are OFDM symbols,
 * numbered together from 0 at the first symbol of the header. In frames of type OFDM the
 * body is one run of symbols; in frames of type LFM it is a train of pulses,
 * [up-chirp][symbols_per_pulse symbols], regular in time.
 *
 * The used subcarriers k are -K ... -1 and 1 ... K with K = fft_size / 2 -
 * guard_subcarriers. Number i of them, from the lowest frequency up, is a pilot in symbol
 * s when i - s is a multiple of pilot_spacing, so that every subcarrier is one from time
 * to time.
 *
 * Names, checks and error texts are those of semisac_ml.signal.frame.FrameParameters.
 */
struct SEMISAC_API frame_parameters {
    //! Complex samples a second, 1e3 to 1e10.
    double sample_rate_hz;
    //! Subcarriers of an OFDM symbol, a power of two from 64 to 2048.
    int fft_size;
    //! Cyclic prefix, 4 to fft_size / 2: the longest spread of delays that does no harm.
    int prefix_samples;
    //! Unused subcarriers at the lower edge, one less at the upper, 1 to fft_size / 4.
    int guard_subcarriers;
    //! Every so manieth used subcarrier is a pilot, 2 to 16.
    int pilot_spacing;
    //! Images that a full frame carries, 1 to 4095.
    int images_per_frame;
    //! Complex symbols of an image, 1 to 2^20.
    int channel_uses;
    //! Length of each chirp, 64 to 65536, at least twice the prefix.
    int chirp_samples;
    //! Width of the band that a chirp sweeps, a quarter of sample_rate_hz to all of it.
    double chirp_bandwidth_hz;
    //! How often the bits of the header are sent at least, 1 to 64.
    int header_repetitions;
    //! Silence behind each frame, 0 to 2^24 samples.
    int gap_samples;
    frame_type_t frame_type;
    //! Symbols behind each chirp of the body of type LFM, 1 to 4096.
    int symbols_per_pulse;

    /*!
     * \throws std::invalid_argument when a parameter is out of its range, or the frame
     * longer than 2^24 samples
     */
    explicit frame_parameters(double sample_rate_hz = 5e6,
                              int fft_size = 64,
                              int prefix_samples = 16,
                              std::optional<int> guard_subcarriers = std::nullopt,
                              int pilot_spacing = 4,
                              int images_per_frame = 32,
                              int channel_uses = 10,
                              int chirp_samples = 512,
                              std::optional<double> chirp_bandwidth_hz = std::nullopt,
                              int header_repetitions = 6,
                              int gap_samples = 0,
                              frame_type_t frame_type = frame_type_t::OFDM,
                              int symbols_per_pulse = 4);

    //! Signed numbers of the subcarriers that carry something, increasing.
    std::vector<int> used_subcarriers() const;
    int used_subcarrier_count() const { return fft_size - 2 * guard_subcarriers; }

    //! Whether used subcarrier number `position`, from 0, is a pilot in `symbol`.
    bool is_pilot(int position, int symbol) const
    {
        return (position - symbol % pilot_spacing + pilot_spacing) % pilot_spacing == 0;
    }

    //! Signed numbers of the pilots of a symbol; symbol 0 is the first of the header.
    std::vector<int> pilot_subcarriers(int symbol) const;
    //! Signed numbers of the subcarriers of a symbol that are no pilots.
    std::vector<int> data_subcarriers(int symbol) const;
    //! Subcarriers that are no pilots in so many symbols from first_symbol on.
    int64_t data_cells(int first_symbol, int64_t symbols) const;

    //! Samples of an OFDM symbol with its prefix.
    int symbol_samples() const { return fft_size + prefix_samples; }
    //! OFDM symbols of the header.
    int header_symbols() const { return d_header_symbols; }
    //! OFDM symbols of the body; whole pulses in frames of type LFM.
    int body_symbols() const { return static_cast<int>(d_body_symbols); }
    //! Symbols of all images of a full frame.
    int body_data_symbols() const { return images_per_frame * channel_uses; }
    //! Subcarriers of the body that are no pilots: body_data_symbols or a few more.
    int body_cells() const;
    //! Chirps in the body, 0 in frames of type OFDM.
    int pulses() const;
    //! Samples from one chirp of the body to the next, 0 in frames of type OFDM.
    int pulse_samples() const;
    //! Sample at which the prefix of the header's first symbol begins.
    int header_start() const { return 2 * chirp_samples; }
    //! Sample at which the body begins: a prefix, or the chirp of its first pulse.
    int body_start() const;
    //! Samples of a frame without the gap.
    int occupied_samples() const;
    //! Samples of a frame with the gap.
    int frame_samples() const { return occupied_samples() + gap_samples; }
    //! Sample of the frame at which the prefix of a symbol begins.
    int symbol_start(int symbol) const;
    //! Sample of the frame at which a chirp of the body begins.
    int pulse_start(int pulse) const { return body_start() + pulse * pulse_samples(); }

    double subcarrier_spacing_hz() const { return sample_rate_hz / fft_size; }
    //! Slope of the up-chirp's frequency.
    double chirp_rate_hz_per_s() const
    {
        return chirp_bandwidth_hz * sample_rate_hz / chirp_samples;
    }

    //! All that a receiver must know, in one line; the gap is none of it.
    std::string canonical_text() const;

private:
    void check(std::optional<int> guard, std::optional<double> bandwidth);
    int64_t symbols_for(int64_t cells, int first_symbol) const;

    int d_header_symbols;
    int64_t d_body_symbols;
};

} // namespace semisac
} // namespace gr

#endif /* INCLUDED_SEMISAC_FRAME_PARAMETERS_H */
