"""A table of numbers as text, for the end of a demo that compares several runs."""
from tinygen.progress import column


def print_table(table, head):
    """Print {row: {column: number or text}}, columns in order of appearance, under the name `head` of what the rows are.

    The numbers of a column have one format, `tinygen.progress.column`: counts are whole, and all show as many decimals.
    """
    names = list(dict.fromkeys(name for row in table.values() for name in row))
    columns = [[head, *map(str, table)], *([name, *_texts([row.get(name, "") for row in table.values()])] for name in names)]
    widths = [max(map(len, texts)) for texts in columns]
    print()
    for first, *others in zip(*columns):
        print("  ".join([f"{first:{widths[0]}}", *(f"{text:>{width}}" for text, width in zip(others, widths[1:]))]).rstrip())


def counted(count, noun):
    """"1 epoch", "2 epochs": a number with its noun, plural where it is."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _texts(values):
    """The cells of one column: texts as they are, numbers in one format."""
    shown = iter(column([value for value in values if not isinstance(value, str)]))
    return [value if isinstance(value, str) else next(shown) for value in values]
