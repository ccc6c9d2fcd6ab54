"""The errors that are meant for the user."""


class InputError(ValueError):
    """Something given that cannot be used; the message is one sentence or two, and says what to do."""
