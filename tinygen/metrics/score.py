"""A number that says how it was measured.

Fréchet distances only compare between equal sample counts, splits, extractors and resizers, so these travel with the value
and are printed with it. A `Score` is a float everywhere else: it compares, formats (`f"{score:.2f}"`) and goes into JSON as one.
"""


class Score(float):
    """`Score(5.197, name="FID", counts=(10000, 10000), splits=("test", "train"), extractor="...", resizer="...")`.

    counts, splits: of the first and the second set.  error: half-width of the error bar, of the kind `error_kind` says.
    notes: warnings that belong to the number, printed behind it.
    """

    def __new__(cls, value, *, name, counts, splits=("first set", "second set"), extractor="given features", resizer="none",
                error=None, error_kind="", notes=()):
        self = super().__new__(cls, value)
        self.name, self.counts, self.splits = name, tuple(int(n) for n in counts), tuple(splits)
        self.extractor, self.resizer = extractor, resizer
        self.error, self.error_kind, self.notes = error, error_kind, tuple(notes)
        return self

    def __getnewargs_ex__(self):                                # pickle and copy rebuild through __new__
        return (float(self),), dict(vars(self))

    def __str__(self):
        bar = "" if self.error is None else f" +- {self.error:.4g} ({self.error_kind})"
        (n, m), (first, second) = self.counts, self.splits
        text = (f"{self.name} {float(self):.4g}{bar} | N = {n:,} ({first}) against {m:,} ({second})"
                f" | extractor: {self.extractor} | resizer: {self.resizer}")
        return "\n".join([text, *(f"  warning: {note}" for note in self.notes)])

    __repr__ = __str__

    def describe(self):
        """The value and everything printed with it, as a dict for a table or JSON."""
        return {"value": float(self), **vars(self)}
