"""Time for tests of what is trained for some minutes."""


class Clock:
    """A clock that goes on by so many seconds whenever somebody looks at it."""

    def __init__(self, tick: float) -> None:
        self.seconds, self.tick = 0.0, tick

    def __call__(self) -> float:
        self.seconds += self.tick
        return self.seconds
