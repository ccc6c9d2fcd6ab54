from .glif import GLIF as GLIF
from .glif import Coefficients as Coefficients
from .levels import from_level as from_level
from .names import LEVELS as LEVELS
from .names import LevelError as LevelError
from .names import level_name as level_name
from .state import GLIFState as GLIFState
