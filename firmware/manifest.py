# ruff: noqa: F821 (a manifest's own functions)
# Freezes the whole project into an image: include it from the manifest of a board, or pass it to the
# port's make as FROZEN_MANIFEST. -O3, as the sizes in README.md are: no line numbers.
package("kmip_lite", base_path=".", opt=3)
package("identity", base_path=".", opt=3)
package("meter", base_path=".", opt=3)
