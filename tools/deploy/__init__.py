"""Puts the project, a device's identity and its configuration onto a board: `make deploy`."""
