# ruff: noqa: F821 (a manifest's own functions)
# Freezes the whole project into an image: include it from the manifest of a board, behind what that has. By
# itself as FROZEN_MANIFEST it would take the place of the port's own, which mounts the file system and has
# asyncio. -O3, as the sizes in README.md are: no line numbers.
package("kmip_lite", base_path=".", opt=3)
package("identity", base_path=".", opt=3)
package("meter", base_path=".", opt=3)
