/*
 * Copyright 2026 gr-semisac contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <pybind11/pybind11.h>

namespace py = pybind11;

void bind_cfar_detector(py::module& m);
void bind_fading_channel(py::module& m);
void bind_echo_aligner(py::module& m);
void bind_echo_channel(py::module& m);
void bind_echo_processor(py::module& m);
void bind_frame_demodulator(py::module& m);
void bind_frame_modulator(py::module& m);
void bind_frame_parameters(py::module& m);
void bind_frame_scheduler(py::module& m);
void bind_frame_synchronizer(py::module& m);
void bind_frame_tags(py::module& m);
void bind_gap_filler(py::module& m);
void bind_mimo_ofdm_channel(py::module& m);
void bind_pixels(py::module& m);
void bind_radar_parameters(py::module& m);
void bind_simulated_receiver(py::module& m);
void bind_simulated_transmitter(py::module& m);
void bind_target_emulator(py::module& m);

PYBIND11_MODULE(semisac_python, m)
{
    py::module::import("gnuradio.gr"); // the base classes

    bind_fading_channel(m);
    bind_echo_channel(m);
    bind_mimo_ofdm_channel(m);
    bind_frame_parameters(m);
    bind_frame_modulator(m);
    bind_frame_synchronizer(m);
    bind_frame_demodulator(m);
    bind_frame_tags(m);
    bind_pixels(m);
    bind_radar_parameters(m);
    bind_echo_processor(m);
    bind_cfar_detector(m);
    bind_target_emulator(m);
    bind_echo_aligner(m);
    bind_frame_scheduler(m);
    bind_gap_filler(m);
    bind_simulated_transmitter(m);
    bind_simulated_receiver(m);
}
