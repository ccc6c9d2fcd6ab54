"""What neurons, and what they are made of, have in common: they stay as they are made."""

from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import equinox as eqx


class Part(eqx.Module):
    """A module whose attributes cannot be set; who tries is told what to do.

    Attributes:
        instead: what to do instead of setting the attribute {name}.
    """

    instead: ClassVar[str] = (
        "dataclasses.replace(part, {name}=...), and a neuron with it, dataclasses.replace(neuron, ...=part)"
    )

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            """What a class sets while it makes one."""
            try:
                super().__setattr__(name, value)
            except FrozenInstanceError:
                self._refuse("setting", name)

        def __delattr__(self, name: str) -> None:
            """Nothing is removed."""
            self._refuse("removing", name)

    def _refuse(self, what: str, name: str) -> NoReturn:
        raise FrozenInstanceError(
            f"{type(self).__name__} stays as it is made: instead of {what} {name}, take another one, "
            f"{self.instead.format(name=name)}"
        ) from None
