"""What an operator must mend before a member can know its clients."""


class SecurityError(Exception):
    """A key store, certificate or login file cannot be used; the text names it and the cure."""
