"""The emulated meter, a user of kmip_lite and identity."""

running = None  # the Meter that start.py has made


def status():
    """How the meter does, a dict without secrets, for the REPL: `import meter; meter.status()`. Ctrl-C stops
    the meter before; machine.reset() starts it again. {} where none was started."""
    return running.status() if running else {}
