"""Runs before main.py, on every board: does nothing that could keep anybody from the REPL."""

import gc

# Collected often from the first import on, the heap keeps what stays at its low end, and room in one piece.
gc.threshold(8192)
