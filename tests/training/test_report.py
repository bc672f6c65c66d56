"""The page of a run: whole, escaped, and sufficient to itself."""
import base64
import html.parser
import re

from tinygen.training import write_report
from tinygen.training.report import ROWS

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")


class Page(html.parser.HTMLParser):
    """Collects what a browser would fetch, the text, and whether all tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.words, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.fetched += [value for name, value in attributes if name in ("src", "href", "srcset", "data")]
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_shows_all_of_it_and_fetches_nothing(tmp_path):
    (tmp_path / "latent_space.png").write_bytes(PIXEL)
    write_report(tmp_path / "index.html", title="vae", status="20 epochs, finished", command="python -m demos vae",
                 settings={"data": "mnist", "hidden": [500, 400], "lr": 0.001}, machine={"threads": 2},
                 history=[{"epoch": 1, "loss": 154.234}, {"epoch": 2, "loss": 150.0, "test": 151.0}],
                 results={"test_loss": 151.26}, figures={"latent_space": tmp_path / "latent_space.png", "gone": tmp_path / "gone.png"})
    text = (tmp_path / "index.html").read_text()
    page = Page(text)
    assert page.open == [] and all(address.startswith("data:") for address in page.fetched) and len(page.fetched) == 2
    assert not re.search(r"https?:|//|@import|url\(", re.sub(r"base64,[^\"]*", "", text))
    for words in ("vae", "20 epochs, finished", "python -m demos vae", "500, 400", "0.001", "154.2", "test loss", "151.3",
                  "Latent space", "threads"):
        assert words in page.words, words


def test_results_of_several_rows_make_a_table(tmp_path):
    write_report(tmp_path / "index.html", title="x", status="y", about="echo: noise", results={"images": 5, "vae: rate": 12.5, "vae: -ELBO": 98.0, "echo: rate": 9.0})
    text = (tmp_path / "index.html").read_text()
    assert "<p>echo: noise</p>" in text and "<dt>images</dt>" in text and "<dt>vae" not in text
    assert "<tr><th></th><th>rate</th><th>-ELBO</th></tr>" in text
    assert "<tr><td>vae</td><td>12.50</td><td>98.00</td></tr>" in text and "<tr><td>echo</td><td>9.000</td><td></td></tr>" in text


def test_what_is_empty_is_left_out(tmp_path):
    write_report(tmp_path / "index.html", title="x", status="y")
    assert "<h2>" not in (tmp_path / "index.html").read_text()


def test_text_is_escaped(tmp_path):
    nasty = '<script>alert("&")</script>'
    (tmp_path / "a.png").write_bytes(PIXEL)
    write_report(tmp_path / "index.html", title=nasty, status=nasty, command=nasty, settings={nasty: nasty},
                 history=[{nasty: 1.0}], results={nasty: 1.0}, figures={"a&b": tmp_path / "a.png"})
    text = (tmp_path / "index.html").read_text()
    assert "<script" not in text and "A&amp;b" in text and nasty in Page(text).words


def test_a_long_history_is_thinned_out_and_ends_with_its_last_row(tmp_path):
    write_report(tmp_path / "index.html", title="x", status="y", history=[{"epoch": e + 1} for e in range(1003)])
    text = (tmp_path / "index.html").read_text()
    shown = [int(n.replace(",", "")) for n in re.findall(r"<td>([\d,]+)</td>", text)]
    assert len(shown) <= ROWS and shown[-1] == 1003 and shown == sorted(shown)
    assert f"{len(shown)} of 1003 rows" in text
