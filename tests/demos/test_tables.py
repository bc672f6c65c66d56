"""The tables that demos print: one format a column, counts whole, nouns in their number."""
from demos.tables import counted, print_table


def test_every_column_has_one_format_and_counts_are_whole(capsys):
    print_table({"a": {"FID": 652824.4, "active units": 10.0, "share": 0.102, "note": "x"}, "b": {"FID": 1.3e6, "active units": 9, "share": 0.098},
                 3: {"FID": "none", "share": 0.0}}, "run")
    assert capsys.readouterr().out.splitlines() == [
        "",
        "run        FID  active units  share  note",
        "a      652,824            10  0.102     x",
        "b    1,300,000             9  0.098",
        "3         none                    0"]


def test_a_noun_is_plural_where_there_are_several():
    assert [counted(n, "epoch") for n in (1, 2, 1000)] == ["1 epoch", "2 epochs", "1,000 epochs"]
