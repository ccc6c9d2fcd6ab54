from .cells import Cell as Cell
from .collecting import collect as collect
from .collecting import write_overview as write_overview
from .shard import Shard as Shard
from .study import fit_many as fit_many
