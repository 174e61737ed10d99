"""How what cannot be understood is told."""


class WrongError(ValueError):
    """What is wrong with one entry; it quotes no value, and whoever knows the entry's place adds that."""
