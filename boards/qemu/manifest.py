# ruff: noqa: F821 (a manifest's own functions)
# Frozen into the emulated boards: what official board firmware freezes, the project, and board.py.
include("$(MPY_DIR)/extmod/asyncio")
include("../../firmware/manifest.py")
module("board.py", base_path="frozen", opt=3)
