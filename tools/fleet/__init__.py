"""A fleet of meters against one reference server: `make fleet METERS=500`."""
