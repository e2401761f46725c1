"""A meter through many renewals with faults, its heap and files looked at after each: `make soak`."""
