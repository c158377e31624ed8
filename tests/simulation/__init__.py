"""A world in which time, network, scheduling and power are virtual and follow from one seed."""
