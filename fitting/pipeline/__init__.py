"""From a recording to fitted neurons: fit.py: the stages of every level in order; result.py: what they leave."""
