# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Qt windows of the programs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from gnuradio.semisac.radio import RadioSettings

from .running import Ending

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
TRIAL_S = 20.0
# Qt aborts, and leaves a core dump, behind a message that it calls fatal: the trial ends before.
TRIAL = """
import os
from PyQt5 import QtCore, QtWidgets
def said(kind, context, text):
    if kind in (QtCore.QtWarningMsg, QtCore.QtCriticalMsg, QtCore.QtFatalMsg):
        os.write(2, text.encode() + b"\\n")
    if kind == QtCore.QtFatalMsg:
        os._exit(1)
QtCore.qInstallMessageHandler(said)
QtWidgets.QApplication(["trial"])
os._exit(0)
"""

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
    """Raise ValueError where Qt finds no display: it would end the program. Hence another one asks before."""
    trial = [sys.executable, "-c", TRIAL]
    try:
        done = subprocess.run(trial, capture_output=True, text=True, errors="replace", timeout=TRIAL_S)
    except subprocess.TimeoutExpired:
        reason = f"no answer within {TRIAL_S:g} s"
    else:
        if done.returncode == 0:
            return
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
    named = ", ".join(f"{name}={os.environ[name]}" for name in DISPLAYS if os.environ.get(name))
    raise ValueError(
        f"--window needs a display ({named or 'none is named'}: {reason}): leave it out, or start in a "
        "graphical session"
    )


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
