"""A progress line for any work longer than a moment: how far, the numbers that matter, the rate and the time left."""
import math
import os
import shutil
import sys
import time
from numbers import Integral


class Progress:
    """One line that says how far a piece of work is.

        with Progress(len(images), "features") as progress:
            for batch in batches:
                ...
                progress.update(len(batch), loss=loss)

    On a terminal the line is redrawn in place, at most ten times a second, once the work has lasted a second; elsewhere
    (a file, a pipe) only what `keep` is asked to keep is printed, so a log holds one plain line an epoch.

    total: units of work in all, None when not known (then there is no time left to tell)
    label: what is being done; may be changed on the way
    unit:  what the rate counts: "images", "steps", "B"...
    done:  units that an earlier process did already: they count as progress, not for the rate
    """

    delay = 1.0                             # seconds before the line first appears
    interval = 0.1                          # seconds between two drawings

    def __init__(self, total=None, label="", *, unit="images", done=0, stream=None):
        self.total, self.label, self.unit, self.done = total, label, unit, done
        self.numbers = {}
        self._first = done
        self._stream = sys.stdout if stream is None else stream
        self._terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._start = self._last = time.monotonic()
        self._worked = 0.0                  # seconds, without those that `skip` leaves out
        self._due = self._start + self.delay
        self._drawn = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    @property
    def seconds(self):
        """Seconds since the work began."""
        return time.monotonic() - self._start

    def update(self, n=1, **numbers):
        """`n` more units are done; `numbers` are what the line shows from now on."""
        now = time.monotonic()
        self._worked, self._last = self._worked + now - self._last, now
        self.done += n
        self.numbers.update(numbers)
        if self._terminal and now >= self._due:
            self._draw()

    def skip(self):
        """What happened since the last update (saving, drawing) does not count for the rate; it does for the time left."""
        self._last = time.monotonic()

    def keep(self, **numbers):
        """Print the line as it stands, for good: the record of an epoch. All of its numbers stay: where the terminal is too narrow, the time
        left goes first, then the rate; a line that is still too long wraps."""
        self.numbers.update(numbers)
        self._erase()
        head, middle, tail = self._pieces()
        while tail and self._terminal and len("  ".join(head + middle + tail)) > self._width():
            tail.pop()
        self._write("  ".join(head + middle + tail) + "\n")

    def say(self, text):
        """Print `text` on a line of its own, without tearing the progress line."""
        self._erase()
        self._write(text + "\n")

    def close(self):
        """Take the line away."""
        self._erase()

    def text(self, width=None):
        """The line itself; `width` characters at most: numbers that do not fit are left out, the last ones first."""
        head, middle, tail = self._pieces()
        while middle and width is not None and len("  ".join(head + middle + tail)) > width:
            middle.pop()
        return "  ".join(head + middle + tail)[:width]

    def _pieces(self):
        """(label and share done, the numbers, rate and time left), each a list of texts."""
        head, tail = [self.label] if self.label else [], []
        if self.total and not self.numbers:
            head.append(f"{min(self.done / self.total, 1):.0%}")
        new = self.done - self._first
        if new > 0 and self._worked > 0:
            rate = new / self._worked
            tail.append(f"{rate:,.{0 if rate >= 100 else 1}f} {self.unit}/s")
            if self.total and self.done < self.total:
                tail.append(f"{duration((self.total - self.done) * self.seconds / new)} left")
        return head, [f"{name.replace('_', ' ')} {number(value)}" for name, value in self.numbers.items()], tail

    def _width(self):
        return shutil.get_terminal_size().columns - 1       # a full line would wrap and could not be redrawn

    def _draw(self):
        self._write("\r" + self.text(self._width()) + "\x1b[K")     # ESC [ K: clear what is left of the longer old line
        self._drawn = True
        self._due = time.monotonic() + self.interval

    def _erase(self):
        if self._drawn:
            self._write("\r\x1b[K")
            self._drawn = False

    def _write(self, text):
        self._stream.write(text)
        self._stream.flush()


def number(value):
    """A number as a person wants to read it: three or four significant digits, no exponent where it can be helped; whole numbers (int) whole."""
    if isinstance(value, Integral):
        return f"{value:,}"
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e6):
        return f"{value:.3g}"
    return f"{value:.{_decimals(size)}f}"


def column(values):
    """Numbers that stand in one column, [text, ...], in one format: whole where all are whole, else as many decimals as the largest and the
    smallest need; with exponents where these lie so far apart that the smallest would show as 0. An exact 0 is 0."""
    values = [value if isinstance(value, Integral) else float(value) for value in values]
    sizes = [abs(value) for value in values if value and math.isfinite(value)]
    if not sizes:
        return [number(value) if value else "0" for value in values]
    low, high = min(sizes), max(sizes)
    if high < 1e9 and all(value == int(value) for value in values if math.isfinite(value)):
        return [f"{value:,.0f}" for value in values]
    room = max(0, 5 - math.floor(math.log10(high)))             # decimals that leave the largest six digits
    decimals = min(max(_decimals(high), 1 - math.floor(math.log10(low))), room)
    form = f",.{decimals}f" if 1e-3 <= high < 1e9 and low >= 0.5 * 10 ** -decimals else ".2e"
    return [format(value, form) if value else "0" for value in values]


def _decimals(size):
    """How many decimals make three or four significant digits of a number of this size."""
    return 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3 if not size < 0.1 or size == 0 else 4 if size >= 0.01 else 5


def duration(seconds):
    """Seconds as m:ss or h:mm:ss."""
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
