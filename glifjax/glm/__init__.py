"""Stochastic spiking networks: generalised linear, linear-nonlinear-Poisson and synaptic-activation models."""

from glifjax.glm import networks, stimuli
from glifjax.glm.activation import SAM, RectifiedSAM, SparseNoise, ThresholdSAM
from glifjax.glm.forced import forced_run, log_likelihood
from glifjax.glm.glm import GLM, BernoulliGLM, PoissonGLM, RectifiedLNP
from glifjax.glm.kernels import (
    Exponential,
    FunctionKernel,
    OwnKernel,
    RaisedCosines,
    Refractory,
    StimulusKernel,
    Tabulated,
)
from glifjax.glm.links import Capped, ExponentialRate, Hazard, Logit, RectifiedRate
from glifjax.glm.observation import Bernoulli, Poisson
from glifjax.glm.simulate import Run, RunawayWarning, Status, run, simulate
from glifjax.glm.spikeometric import from_spikeometric
from glifjax.glm.tune import tune

__all__ = [
    "GLM",
    "SAM",
    "Bernoulli",
    "BernoulliGLM",
    "Capped",
    "Exponential",
    "ExponentialRate",
    "FunctionKernel",
    "Hazard",
    "Logit",
    "OwnKernel",
    "Poisson",
    "PoissonGLM",
    "RaisedCosines",
    "RectifiedLNP",
    "RectifiedRate",
    "RectifiedSAM",
    "Refractory",
    "Run",
    "RunawayWarning",
    "SparseNoise",
    "Status",
    "StimulusKernel",
    "Tabulated",
    "ThresholdSAM",
    "forced_run",
    "from_spikeometric",
    "log_likelihood",
    "networks",
    "run",
    "simulate",
    "stimuli", "tune",
]  # fmt: skip
