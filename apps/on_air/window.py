# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Qt windows of the programs."""

from __future__ import annotations

import sys
from collections.abc import Callable

from gnuradio.semisac.radio import RadioSettings

from .running import Ending

_application = None


def start_qt():
    """The Qt application, made when it is first asked for. Raises ValueError without PyQt5 or a display."""
    global _application
    if _application is None:
        try:
            from PyQt5 import QtWidgets
        except ImportError as error:
            raise ValueError(f"--window needs PyQt5 ({error}): apt install python3-pyqt5") from None
        _check_display()
        _application = QtWidgets.QApplication(sys.argv[:1])
    return _application


def _check_display() -> None:
    """Qt ends the program when it finds no display: notice it before."""
    import os

    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if sys.platform.startswith("linux") and not platform:
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise ValueError("--window needs a display: leave it out, or start in a graphical session")


class Window:
    """One window with widgets below each other; closing it ends the run.

    block: of the flowgraph that feeds it, if any.
    """

    def __init__(self, title: str, widgets: list, block=None):
        from PyQt5 import QtWidgets

        self._application = start_qt()
        self.block = block
        self._closed = False
        window = self

        class Frame(QtWidgets.QWidget):
            def closeEvent(self, event) -> None:
                window._closed = True
                event.accept()

        self._frame = Frame()
        self._frame.setWindowTitle(title)
        layout = QtWidgets.QVBoxLayout(self._frame)
        for widget in widgets:
            layout.addWidget(widget)

    @classmethod
    def of_spectrum(cls, title: str, settings: RadioSettings) -> Window:
        """Window with the spectrum of the samples that its block takes."""
        start_qt()
        import sip
        from gnuradio import fft, qtgui
        from PyQt5 import QtWidgets

        block = qtgui.freq_sink_c(
            1024,
            fft.window.WIN_BLACKMAN_hARRIS,
            settings.center_frequency_hz,
            settings.sample_rate_hz,
            title,
            1,
        )
        return cls(title, [sip.wrapinstance(block.qwidget(), QtWidgets.QWidget)], block)

    def show_until(self, ending: Callable[[], Ending | None], poll_s: float) -> Ending:
        """Show the window until a function says why the run ends, or it is closed."""
        from PyQt5 import QtCore

        found: list[Ending] = []

        def poll() -> None:
            said = Ending("window closed") if self._closed else ending()
            if said is not None and not found:
                found.append(said)
                self._application.quit()

        timer = QtCore.QTimer()
        timer.timeout.connect(poll)
        timer.start(int(1000 * poll_s))
        self._frame.show()
        self._application.exec_()
        timer.stop()
        self._frame.hide()
        return found[0] if found else Ending("window closed")
