from .neuron import INTEGRATORS as INTEGRATORS
from .neuron import MihalasNiebur as MihalasNiebur
from .neuron import MihalasNieburState as MihalasNieburState
