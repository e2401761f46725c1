# Frozen into the Unix ports: what official board firmware freezes too, and no more.
# (micropython-lib's ssl and hmac are not in Debian's source package: firmware/ uses tls.)
include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821 (a manifest's own function)
