"""Ctrl-C wherever it comes: what Python drops in a callback, such as jax's of the garbage collector, comes again."""

import signal
import sys
import threading
from _thread import interrupt_main
from typing import Any

#: s until then; by that time the callback has ended.
LATER = 0.05


def hear_interrupts() -> None:
    """Have a KeyboardInterrupt that Python could not raise come again a moment later; once is enough."""
    usual = sys.unraisablehook
    if getattr(usual, "__module__", None) == __name__:
        return

    def again(dropped: Any) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            threading.Timer(LATER, _interrupt).start()
        else:
            usual(dropped)

    sys.unraisablehook = again


def _interrupt() -> None:
    """Send the main thread what Ctrl-C does, which wakes it where it waits."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        interrupt_main()
