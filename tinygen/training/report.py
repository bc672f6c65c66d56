"""The page of a run: settings, numbers and figures in one HTML file that needs no other file and no network."""
import base64
import html
from pathlib import Path

from ..files import replacing
from ..progress import number

ROWS = 40                           # a longer history is thinned out: metrics.csv has all of it

_STYLE = """
:root { color: #1d2329; background: #fff; font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
        "Liberation Sans", Arial, sans-serif; }
body { max-width: 62rem; margin: 0 auto; padding: 3rem 1.5rem 5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; margin: 3rem 0 .9rem; padding-bottom: .3rem; border-bottom: 1px solid #dde2e7; }
p { margin: .4rem 0; } .quiet { color: #5b6670; }
dl.results { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.8rem 0 0; }
dl.results dt { color: #5b6670; font-size: .85rem; } dl.results dd { margin: 0; font-size: 1.6rem; line-height: 1.25; }
figure { margin: 1.2rem 0 2rem; } figcaption { color: #5b6670; font-size: .9rem; margin-top: .4rem; }
img { max-width: 100%; max-height: 28rem; height: auto; width: auto; display: block; box-sizing: border-box;
      border: 1px solid #e6eaee; border-radius: 3px; }
.gallery { display: flex; flex-wrap: wrap; gap: 0 2rem; align-items: flex-start; } .gallery figure { max-width: 100%; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; } th, td { padding: .22rem 1.4rem .22rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; } .numbers th, .numbers td { text-align: right; white-space: nowrap; }
.named td:first-child { text-align: left; }
tbody tr + tr td, tbody tr + tr th { border-top: 1px solid #eef1f4; }
thead th { border-bottom: 1px solid #9aa5af; }
code, pre { font: .88rem/1.5 ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; }
pre { background: #f5f7f9; padding: .7rem 1rem; border-radius: 4px; overflow-x: auto; margin: .4rem 0; }
"""


def write_report(path, *, title, status, about="", command=None, settings=(), machine=(), history=(), results=(), figures=()):
    """Write the page to `path`; whatever is empty is left out.

    title, status:      text: the name of the run, and how far it is
    about, command:     text: what it is a run of, and what started it
    settings, machine:  {name: value}: what was asked for, and what it ran on
    history:            the rows of metrics.csv, {column: number} each
    results:            {name: number}: what came out at the end; those named "row: column" make a table
    figures:            {caption: file} of PNG and GIF images, embedded in this order; those that are gone are left out
    """
    settings, machine, results, figures = dict(settings), dict(machine), dict(results), dict(figures)
    body = [f"<h1>{html.escape(title)}</h1>"]
    if about:
        body.append(f"<p>{html.escape(about)}</p>")
    body.append(f'<p class="quiet">{html.escape(status)}</p>')
    if command:
        body.append(f"<pre>{html.escape(command)}</pre>")
    single, table = {}, {}
    for name, value in results.items():
        row, colon, column = name.partition(": ")
        if colon:
            table.setdefault(row, {"": row})[column] = value
        else:
            single[name] = value
    if single:
        pairs = (f"<div><dt>{_words(name)}</dt><dd>{_value(value)}</dd></div>" for name, value in single.items())
        body.append(f'<dl class="results">{"".join(pairs)}</dl>')
    if table:
        body += ["<h2>Results</h2>", _table(list(table.values()), "numbers named")]
    images = [_figure(caption, Path(file)) for caption, file in figures.items() if Path(file).is_file()]
    if images:
        body += ["<h2>Figures</h2>", f'<div class="gallery">{"".join(images)}</div>']
    if history:
        body += ["<h2>Numbers</h2>", _history(list(history))]
    if settings:
        body += ["<h2>Settings</h2>", _pairs(settings)]
    if machine:
        body += ["<h2>Machine</h2>", _pairs(machine)]
    with replacing(path, "w") as file:
        file.write('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
                   '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
                   '<link rel="icon" href="data:,">\n'          # else a browser asks the server for an icon
                   f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n")
        file.write("\n".join(body))
        file.write("\n</body>\n</html>\n")


def _figure(caption, path):
    data = base64.b64encode(path.read_bytes()).decode()
    caption = _words(caption)
    caption = caption[:1].upper() + caption[1:]
    return (f'<figure><img src="data:image/{path.suffix[1:]};base64,{data}" alt="{caption}">'
            f"<figcaption>{caption}</figcaption></figure>\n")


def _history(rows):
    shown, note = rows, ""
    if len(rows) > ROWS:
        step = -(-len(rows) // ROWS)
        shown = rows[::-step][::-1]                             # so that the last row is among them
        note = f'<p class="quiet">{len(shown)} of {len(rows)} rows; <code>metrics.csv</code> has them all.</p>'
    return _table(shown) + note


def _table(rows, kind="numbers"):
    columns = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{_words(name)}</th>" for name in columns)
    lines = "\n".join("<tr>" + "".join(f"<td>{_value(row.get(name, ''))}</td>" for name in columns) + "</tr>" for row in rows)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody></table></div>'


def _pairs(pairs):
    rows = "\n".join(f"<tr><th>{html.escape(str(name))}</th><td>{_value(value, exact=True)}</td></tr>"
                     for name, value in pairs.items())
    return f"<table><tbody>{rows}</tbody></table>"


def _value(value, exact=False):
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not exact:
        return number(value)
    if isinstance(value, (list, tuple)):
        return html.escape(", ".join(map(str, value)))
    return html.escape(str(value))


def _words(name):
    """`latent_space` as "latent space"."""
    return html.escape(str(name).replace("_", " "))
