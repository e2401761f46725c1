"""Threads that are waited for at the end."""

import threading


class Threads:
    """Starts functions on threads of their own."""

    def __init__(self):
        self._running = set()
        self._lock = threading.Lock()

    def spawn(self, function, *args):
        def run():
            try:
                function(*args)
            finally:
                with self._lock:
                    self._running.discard(thread)

        thread = threading.Thread(target=run, daemon=True)
        with self._lock:  # join() must not see one that cannot be joined yet
            thread.start()
            self._running.add(thread)

    def join(self, seconds):
        """Wait for each that runs now, so many seconds at most."""
        with self._lock:
            running = list(self._running)
        for thread in running:
            thread.join(seconds)
