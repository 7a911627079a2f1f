"""What is in the files: text as text, corrupt content, encodings, odd names; no message shows a cell."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from cobalamin.core.errors import SourceError
from cobalamin.sources.files_parquet import parquet_columns
from cobalamin.sources.source import open_source

SECRET = "SECRETVALUE"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, **options: str) -> pd.DataFrame:
    source = open_source(path, **options)
    return source.read(source.tables[0])


def test_cells_of_text_files_stay_text(tmp_path: Path) -> None:
    frame = read(write(tmp_path / "lab.csv", 'id,b12,note\n007,<150,"a, b"\n8,99999,\n9,"","two\nlines"\n'))
    assert frame["id"].tolist() == ["007", "8", "9"]
    assert frame["b12"].tolist() == ["<150", "99999", None]
    assert frame["note"].tolist() == ["a, b", None, "two\nlines"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_read_from_the_header(tmp_path: Path, delimiter: str) -> None:
    text = f'"a,b;c"{delimiter}second{delimiter} third \n1{delimiter}2{delimiter}3\n'
    assert list(read(write(tmp_path / "t.csv", text)).columns) == ["a,b;c", "second", "third"]


def test_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    assert read(write(tmp_path / "t.csv", "id\n1\n2\n"))["id"].tolist() == ["1", "2"]


def test_a_header_without_rows_is_an_empty_table(tmp_path: Path) -> None:
    assert read(write(tmp_path / "t.csv", "id,b12\n")).shape == (0, 2)


def test_rows_keep_their_order(tmp_path: Path) -> None:
    n = 60_000
    frame = read(write(tmp_path / "t.csv", "i,x\n" + "".join(f"{i},{i % 7}\n" for i in range(n))))
    assert frame["i"].astype(int).tolist() == list(range(n))


def test_patterns_and_folders_in_a_name_are_only_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "year=2010"  # not a partition column
    folder.mkdir()
    write(folder / "visit[12].csv", "id\n1\n")
    write(folder / "visit1.csv", "id\n2\n")  # the pattern would match this one
    pd.DataFrame({"id": [3]}).to_parquet(folder / "w*.parquet")
    assert read(folder / "visit[12].csv").to_dict("list") == {"id": ["1"]}
    assert read(folder / "w*.parquet").to_dict("list") == {"id": [3]}


def test_names_that_are_sql_are_only_names(tmp_path: Path) -> None:
    name = 'a"); DROP TABLE x; --'
    pd.DataFrame({name: [1], "ok": [2]}).to_parquet(tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet")[name].tolist() == [1]
    write(tmp_path / "u.csv", "a'); DROP TABLE x; --,ok\n1,2\n")
    assert read(tmp_path / "u.csv").iloc[0].tolist() == ["1", "2"]


def test_nested_parquet_columns_count_once(tmp_path: Path) -> None:
    pd.DataFrame({"a": [[1, 2]], "b": [{"x": 1, "y": {"z": 2}}], "c": [1]}).to_parquet(tmp_path / "t.parquet")
    assert parquet_columns(tmp_path / "t.parquet") == ("a", "b", "c")


def test_latin_1_is_named_and_opened_on_request(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "id,ort\n1,abc\n2,Malmö\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"not UTF-8 \(line 3\).*encoding='latin-1'") as caught:
        read(path)
    assert "Malm" not in str(caught.value)
    assert read(path, encoding="latin-1")["ort"].tolist() == ["abc", "Malmö"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"a,b\n1,2\n{SECRET}\n", "line 3: 1 cells, but the header names 2 columns"),
        (f"a,b\n1,2\n{SECRET},2,3\n", "line 3: 3 cells"),
        (f'a,b\n1,"{SECRET}\n3,4\n', "line 2: a quote is opened"),
        ("a,b,A\n1,2,3\n", "2 columns share a name"),
        ("a,,b\n1,2,3\n", r"1 of 3 columns have no name \(number 2\)"),
        ("\n1,2\n", "first line is blank"),
        ("1,2.5\n3,4\n", "first line holds only numbers"),
        ("ä,b\n1,2\n".encode("latin-1"), r"not UTF-8 \(line 1\)"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04\0\0\0", "not text"),
        (b"", r"empty \(0 bytes\)"),
    ],
)
def test_irregular_text_is_refused_without_showing_it(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        read(write(tmp_path / "t.csv", content))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("suffix", [".parquet", ".dta", ".sav", ".xpt", ".sas7bdat"])
def test_garbage_is_refused_in_every_binary_format(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(SourceError, match=rf"'t\{suffix}'"):
        read(write(tmp_path / f"t{suffix}", SECRET.encode() * 200))
    with pytest.raises(SourceError, match="empty"):
        read(write(tmp_path / f"u{suffix}", b""))


def test_files_cut_short_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [f"P{i}" for i in range(500)], "x": range(500)})
    frame.to_parquet(tmp_path / "t.parquet")
    pyreadstat.write_dta(frame, tmp_path / "t.dta")
    pyreadstat.write_sav(frame, tmp_path / "t.sav")
    for name in ("t.parquet", "t.dta", "t.sav"):
        whole = (tmp_path / name).read_bytes()
        with pytest.raises(SourceError, match="cut off"):
            read(write(tmp_path / name, whole[: len(whole) - 900]))


def test_damage_inside_parquet_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"x": range(1000)}).to_parquet(tmp_path / "t.parquet")
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    content[60:200] = b"\xaa" * 140
    with pytest.raises(SourceError, match="not a whole Parquet file"):
        read(write(tmp_path / "t.parquet", bytes(content)))


def test_extended_missing_of_stata_stays_visible(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.0, "a", None, "b"], "t": ["", "y", "z", ""]})
    pyreadstat.write_dta(frame, tmp_path / "t.dta", missing_user_values={"x": ["a", "b"]})
    got = read(tmp_path / "t.dta")
    assert got["x"].tolist()[1::2] == ["a", "b"]
    assert got["x"].isna().tolist() == [False, False, True, False]
    assert got["t"].tolist() == [None, "y", "z", None]


def test_permission_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "t.csv", "id\n1\n")
    source = open_source(path)

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match="may not be read: ask its owner"):
        source.read("t")


def test_a_file_that_vanishes_is_said_in_words(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "id\n1\n")
    source = open_source(path)
    path.unlink()
    with pytest.raises(SourceError, match=r"'t\.csv' cannot be read"):
        source.read("t")
