"""`python -m demos` lists the demos; `python -m demos NAME --help` explains one; `python -m demos NAME ...` runs it."""
import sys

from demos.command_line import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
