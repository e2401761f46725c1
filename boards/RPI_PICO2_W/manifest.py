# ruff: noqa: F821 (a manifest's own functions)
# FROZEN_MANIFEST for an image of your own: what the port freezes, and this project.
include("$(PORT_DIR)/boards/RPI_PICO2_W/manifest.py")
require("ssl")
require("hashlib")
include("../../firmware/manifest.py")
module("board.py")
