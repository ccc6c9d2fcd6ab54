"""SONATA (Dai et al. 2020, and BMTK's PointNet): spikes, circuits, simulation configs and reports."""
