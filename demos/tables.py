"""A table of numbers as text, for the end of a demo that compares several runs."""
from tinygen.progress import number


def print_table(table, head):
    """Print {row: {column: number or text}}, columns in order of appearance, under the name `head` of what the rows are."""
    columns = list(dict.fromkeys(column for row in table.values() for column in row))
    lines = [[head, *columns]] + [[str(name), *(_text(row.get(column, "")) for column in columns)] for name, row in table.items()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    print()
    for line in lines:
        print("  ".join([f"{line[0]:{widths[0]}}", *(f"{text:>{width}}" for text, width in zip(line[1:], widths[1:]))]).rstrip())


def _text(value):
    return value if isinstance(value, str) else number(value)
