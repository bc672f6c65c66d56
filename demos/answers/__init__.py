"""Every written question of the five sheets: the answer, the computation, the number [all]

    python -m demos answers                 all of them, in order
    python -m demos answers 001.3e 004.4a   some
    python -m demos answers 002             one sheet

An answer passes when every number it computes agrees with a closed form or with the same number found another way, or
lies on the side of a bound that the answer names. Where a sheet prints a wrong answer, that is said, and shown by the number.
"""
from .runner import main
