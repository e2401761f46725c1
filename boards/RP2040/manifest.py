# ruff: noqa: F821 (a manifest's own functions)
# Frozen: the port's own modules and asyncio, as in its own images, and this project.
freeze("$(PORT_DIR)/modules")
include("$(MPY_DIR)/extmod/asyncio")
include("../../firmware/manifest.py")
