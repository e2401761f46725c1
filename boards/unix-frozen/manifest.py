# ruff: noqa: F821 (a manifest's own functions)
# The Unix port with the project in its image: what it costs a board that is flashed, not filled.
include("../unix/manifest.py")
include("../../firmware/manifest.py")
