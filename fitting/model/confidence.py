"""How sure intervals are, and how wide that makes those of a normal distribution."""

from scipy.special import ndtri

#: The probability that an interval holds what it is of.
LEVEL = 0.9
#: Half the width of such an interval about a normal distribution's mean, standard deviations.
SIDES = float(ndtri((1 + LEVEL) / 2))
