"""Cell models of networks: NEST's glif_psc and iaf_psc_alpha, _exp, _delta, and any neuron of glifjax."""
