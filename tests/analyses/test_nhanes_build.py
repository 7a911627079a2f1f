"""build.py: CDC's files in, the study table out. The files are made here, from a table of the expected form."""

from __future__ import annotations

import http.server
import importlib.util
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
STUDY = PROJECT / "analyses" / "nhanes_b12"


def load_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nhanes_build", STUDY / "build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = load_module()
RECIPE = build.load_recipe()
CYCLES = tuple(RECIPE["cycles"])
NOTHING_KNOWN = pd.Series(dtype=float)
DRUGS = {
    "RX_METFORMIN": "METFORMIN; PIOGLITAZONE",
    "RX_PPI": "ESOMEPRAZOLE",
    "RX_H2RA": "RANITIDINE",
    "RX_B12": "CYANOCOBALAMIN",
    "RX_LEVOTHYROXINE": "LEVOTHYROXINE",
    "RX_CLOBETASOL": "CLOBETASOL TOPICAL",
}
# product number -> ingredients; 900 is in no product file
PRODUCTS = {100: ["Vitamin B12", "Folic acid"], 200: ["Ascorbic acid"], 300: ["Cyanocobalamin"], 400: ["Vitamin B6", "Vitamin B1"]}


# ---------------------------------------------------------------- a table of the right form, and CDC's files that would give it


def make_table(per_cycle: int = 12, seed: int = 1) -> pd.DataFrame:
    """A table with all columns; values mean nothing, but each column is filled in the cycles that have it."""
    rng = np.random.default_rng(seed)
    parts = []
    for number, cycle in enumerate(CYCLES):
        columns = [c for t in RECIPE["table"] if cycle in t["files"] for c in available(t, cycle)]
        columns += ["RXUSE", *RECIPE["mortality"]["positions"], *RECIPE["prescriptions"]["flags"]]
        part = pd.DataFrame({c: rng.integers(1, 4, per_cycle).astype(float) for c in columns})
        part["SEQN"] = 1000 * (number + 1) + np.arange(per_cycle)
        part["IN_B12_FILE"] = np.where(np.arange(per_cycle) % 3 == 0, np.nan, 1.0)
        b12_file = next(t for t in RECIPE["table"] if "presence" in t)["files"][cycle]
        inside = [c for t in RECIPE["table"] if t["files"].get(cycle) == b12_file for c in available(t, cycle)]
        part[inside] = part[inside].where(part["IN_B12_FILE"] == 1)
        part["SBP_MEAN"] = rng.choice([110.0, 122.5, np.nan], per_cycle)
        part["DIET_B12_MCG"] = rng.choice([0.0, 3.25, np.nan], per_cycle)
        for flag in DRUGS:
            part[flag] = rng.integers(0, 2, per_cycle).astype(float)
        part["RXUSE"] = np.where(part[list(DRUGS)].any(axis=1), 1.0, rng.choice([2.0, 7.0, np.nan], per_cycle))
        part[list(DRUGS)] = part[list(DRUGS)].where(part["RXUSE"].isin([1, 2]), np.nan)
        part["DSD010"] = rng.choice([1.0, 2.0, 9.0], per_cycle)
        answers = rng.choice([0.0, 1.0, np.nan] if int(cycle) < 2011 else [0.0, 1.0], per_cycle)
        part["SUPP_B12_ANY"] = np.select([part["DSD010"] == 1, part["DSD010"] == 2], [answers, 0.0], np.nan)
        if int(cycle) >= 2011:
            part["DSQTVB12"] = np.where(part["SUPP_B12_ANY"] == 1, 6.5, np.nan)
        parts.append(part.assign(cycle=RECIPE["cycles"][cycle], cycle_start=int(cycle)))
    frame = pd.concat(parts, ignore_index=True)[RECIPE["layout"]["columns"]]
    return frame.astype(dict.fromkeys(RECIPE["layout"]["integers"], "int64"))


def available(table: dict[str, Any], cycle: str) -> list[str]:
    return [c for c in table.get("columns", []) if int(cycle) in table.get("only", {}).get(c, [int(cycle)])]


def write_cdc_files(frame: pd.DataFrame, folder: Path) -> None:
    """Take the table apart into the files of CDC, under the last of the names each column may have."""
    files: dict[str, pd.DataFrame] = {}
    for cycle in CYCLES:
        rows = frame[frame["cycle_start"] == int(cycle)].set_index("SEQN")
        for table in (t for t in RECIPE["table"] if cycle in t["files"]):
            part = cdc_columns(table, cycle, rows)
            name = table["files"][cycle]
            files[name] = files[name].join(part.drop(columns="none", errors="ignore")) if name in files else part
        files[RECIPE["prescriptions"]["files"][cycle]] = medicine_records(rows, cycle)
        if cycle in RECIPE["supplements"]["files"]:
            files[RECIPE["supplements"]["files"][cycle]] = supplement_records(rows, cycle)
        (folder / RECIPE["mortality"]["files"][cycle]).write_text(mortality_lines(rows), encoding="ascii")
    for name, part in files.items():
        write_xport(part.reset_index(), folder / f"{name}.xpt")
    write_products(folder)


def cdc_columns(table: dict[str, Any], cycle: str, rows: pd.DataFrame) -> pd.DataFrame:
    if "presence" in table:
        rows = rows[rows[table["presence"]] == 1]
    part = pd.DataFrame(index=rows.index)
    for column in available(table, cycle):
        scale = table.get("scale", {}).get(column, {"factor": 1, "cycles": []})
        factor = scale["factor"] if int(cycle) in scale["cycles"] else 1
        part[table.get("names", {}).get(column, [column])[-1]] = rows[column] / factor
    for column, readings in table.get("mean", {}).items():
        part[readings[0]], part[readings[2]] = rows[column] - 4.0, rows[column] + 4.0
    return part


def medicine_records(rows: pd.DataFrame, cycle: str) -> pd.DataFrame:
    use, drug = (RECIPE["prescriptions"][key][-1 if int(cycle) < 2003 else 0] for key in ("use", "drug"))
    records = [{"SEQN": n, use: row["RXUSE"], drug: DRUGS[f]} for n, row in rows.iterrows() for f in DRUGS if row[f] == 1]
    others = [{"SEQN": n, use: row["RXUSE"], drug: "ARIPIPRAZOLE" if row["RXUSE"] == 1 else ""} for n, row in rows.iterrows()]
    return pd.DataFrame(records + others).set_index("SEQN")


def supplement_records(rows: pd.DataFrame, cycle: str) -> pd.DataFrame:
    key = RECIPE["supplements"]["product_id"][1 if cycle == CYCLES[0] else 0]
    prefix = "1000000" if key == "DSDSUPID" else ""
    taken = {1.0: [300, 900], 0.0: [200, 400]}
    users = rows[rows["DSD010"] == 1]
    records = [{"SEQN": n, key: f"{prefix}{p}"} for n, row in users.iterrows() for p in taken.get(row["SUPP_B12_ANY"], [200, 900])]
    return pd.DataFrame(records or [{"SEQN": rows.index[0], key: ""}]).set_index("SEQN")


def mortality_lines(rows: pd.DataFrame) -> str:
    positions = RECIPE["mortality"]["positions"]
    lines = []
    for number, row in rows.iterrows():
        line = [" "] * 48
        for field, (first, last) in positions.items():
            value = number if field == "SEQN" else row[field]
            text = "." if pd.isna(value) else f"{int(value):0{last - first + 1 if field == 'UCOD_LEADING' else 1}d}"
            line[first - 1 : last] = text.rjust(last - first + 1) if field != "SEQN" else text.ljust(6)
        lines.append("".join(line))
    return "\n".join(lines) + "\n"


def write_products(folder: Path) -> None:
    ingredients = [(float(p), i) for p, names in PRODUCTS.items() for i in names]
    write_xport(pd.DataFrame(ingredients, columns=["DSDPID", "DSDINGR"]), folder / "DSII.xpt")
    products = pd.DataFrame({"DSDPID": [float(p) for p in PRODUCTS], "DSDSUPID": [f"1000000{p}" for p in PRODUCTS]})
    write_xport(products, folder / "DSPI.xpt")


def write_xport(frame: pd.DataFrame, path: Path) -> None:
    pyreadstat.write_xport(frame, path, file_format_version=5)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return make_table()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> Path:
    path = tmp_path_factory.mktemp("cdc")
    write_cdc_files(table, path)
    return path


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The same files, for tests that break one of them."""
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


# ---------------------------------------------------------------- the table comes back


def test_the_table_is_put_together_again(folder: Path, table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(build.build(RECIPE, folder), table, check_exact=False, rtol=1e-12)


def test_a_sample_of_the_real_table_survives_the_way_through_cdc_files(tmp_path: Path, shared_data: Path) -> None:
    real = pd.read_parquet(shared_data / "nhanes" / "nhanes_b12_raw_codes_all_ages.parquet")
    sample = real.groupby("cycle_start").sample(60, random_state=7).sort_values("SEQN").reset_index(drop=True)
    write_cdc_files(sample, tmp_path)
    pd.testing.assert_frame_equal(build.build(RECIPE, tmp_path), sample, check_exact=False, rtol=1e-12)


def test_layout_is_that_of_the_real_table(shared_data: Path) -> None:
    real = pd.read_parquet(shared_data / "nhanes" / "nhanes_b12_raw_codes_all_ages.parquet")
    assert list(real.columns) == RECIPE["layout"]["columns"]
    assert [c for c in real.columns if real[c].dtype == "int64"] == RECIPE["layout"]["integers"]
    expected = pd.read_csv(STUDY / "expected.csv", index_col="column")
    assert build.compare(real, expected).empty
    changed = real.assign(RX_PPI=real["RX_PPI"].where(real.index % 100 != 0))
    assert list(build.compare(changed, expected).index) == ["RX_PPI"]


def test_each_cycle_of_the_real_table_has_the_columns_the_recipe_gives_it(shared_data: Path) -> None:
    real = pd.read_parquet(shared_data / "nhanes" / "nhanes_b12_raw_codes_all_ages.parquet")
    filled = real.notna().groupby(real["cycle_start"]).any()
    for cycle in CYCLES:
        planned = {c for t in RECIPE["table"] if cycle in t["files"] for c in available(t, cycle)}
        from_tables = {c for t in RECIPE["table"] for c in t.get("columns", [])}
        assert planned == from_tables & set(filled.columns[filled.loc[int(cycle)]])


def test_rules_of_the_gathered_columns_hold_in_the_real_table(shared_data: Path) -> None:
    real = pd.read_parquet(shared_data / "nhanes" / "nhanes_b12_raw_codes_all_ages.parquet")
    answered = real["RXUSE"].isin([1, 2])
    for flag in RECIPE["prescriptions"]["flags"]:
        assert (real[flag].notna() == answered).all()
        assert (real.loc[real["RXUSE"] == 2, flag] == 0).all()
    assert (real.loc[real["DSD010"] == 2, "SUPP_B12_ANY"] == 0).all()
    late = real[real["cycle_start"] >= 2011]
    assert (late["DSQTVB12"] > 0).astype(float).where(late["DSD010"].isin([1, 2])).equals(late["SUPP_B12_ANY"])
    assert (real.loc[real["LBXB12"].notna(), "IN_B12_FILE"] == 1).all()


def test_dictionary_and_recipe_name_the_same_columns_and_files() -> None:
    descriptor = yaml.safe_load((PROJECT / "data_dictionary" / "nhanes" / "nhanes.yaml").read_text(encoding="utf-8"))
    fields = {f["name"]: f for f in descriptor["fields"]}
    assert list(fields) == RECIPE["layout"]["columns"]
    for item in RECIPE["table"]:
        for column in item.get("columns", []):
            cycles = [c for c in item["files"] if column in available(item, c)]
            assert all(item["files"][c] in fields[column]["source"] for c in cycles), column
            assert all(n in fields[column]["source"] for n in item.get("names", {}).get(column, [column])), column


# ---------------------------------------------------------------- rules, one by one

MEDICINES = """
    generic name                        flag
    METFORMIN                           RX_METFORMIN
    GLYBURIDE; METFORMIN                RX_METFORMIN
    OMEPRAZOLE                          RX_PPI
    DEXLANSOPRAZOLE                     RX_PPI
    ESOMEPRAZOLE; NAPROXEN              RX_PPI
    ARIPIPRAZOLE                        -
    RANITIDINE                          RX_H2RA
    CALCIUM CARBONATE; FAMOTIDINE       RX_H2RA
    HYDROXOCOBALAMIN                    RX_B12
    LEVOTHYROXINE                       RX_LEVOTHYROXINE
    LIOTHYRONINE                        -
    CLOBETASOL TOPICAL                  RX_CLOBETASOL
    BETAMETHASONE TOPICAL               -
    99999                               -
"""


@pytest.mark.parametrize("line", MEDICINES.strip().splitlines()[1:], ids=lambda s: s.split("  ")[2].strip() or s)
def test_generic_names_lead_to_one_group(line: str, tmp_path: Path) -> None:
    name, flag = (part.strip() for part in line.strip().rsplit("  ", 1))
    write_xport(pd.DataFrame({"SEQN": [1.0], "RXDUSE": [1.0], "RXDDRUG": [name]}), tmp_path / "RXQ_RX_G.xpt")
    found = build.prescriptions(RECIPE["prescriptions"], "2011", tmp_path).loc[1]
    assert [c for c in DRUGS if found[c] == 1] == ([] if flag == "-" else [flag])


SUPPLEMENTS = """
    answer  products     supplement with B12
    1       300          1
    1       200,300      1
    1       300,900      1
    1       200,400      0
    1       200,900      ?
    1       900          ?
    1       none         ?
    2       none         0
    9       none         ?
"""


@pytest.mark.parametrize("line", SUPPLEMENTS.strip().splitlines()[1:], ids=str.split)
def test_supplements_with_b12(line: str, tmp_path: Path) -> None:
    answer, products, expected = line.split()
    rows = [{"SEQN": 1.0, "DSDPID": p} for p in products.split(",") if p != "none"] + [{"SEQN": 2.0, "DSDPID": "200"}]
    write_xport(pd.DataFrame(rows), tmp_path / "DSQ2_B.xpt")
    write_products(tmp_path)
    known = build.products_with_b12(RECIPE["supplements"], tmp_path)
    got = build.supplement_b12(pd.Series({1: float(answer)}), known, RECIPE["supplements"], "2001", tmp_path).loc[1]
    assert got == float(expected) if expected != "?" else np.isnan(got)


def test_mean_pressure_uses_the_readings_present(tmp_path: Path) -> None:
    readings = {"BPXSY1": [120.0, np.nan, np.nan], "BPXSY2": [130.0, 118.0, np.nan], "BPXSY4": [134.0, np.nan, np.nan]}
    write_xport(pd.DataFrame({"SEQN": [1.0, 2.0, 3.0]} | readings), tmp_path / "BPX.xpt")
    item = next(t for t in RECIPE["table"] if "mean" in t)
    np.testing.assert_allclose(build.take_columns(item, "1999", tmp_path)["SBP_MEAN"], [128.0, 118.0, np.nan])


def test_zero_of_a_transport_file_is_zero(tmp_path: Path) -> None:
    write_xport(pd.DataFrame({"SEQN": [1.0, 2.0], "X": [5.397605346934028e-79, 2.5]}), tmp_path / "ANY.xpt")
    assert build.read_xport(tmp_path, "ANY")["X"].tolist() == [0.0, 2.5]


# ---------------------------------------------------------------- files that are not what they should be


def test_an_absent_file_is_named(copy: Path) -> None:
    (copy / "MMA_H.xpt").unlink()
    with pytest.raises(build.BuildError, match=r"MMA_H\.xpt"):
        build.assemble_cycle(RECIPE, "2013", NOTHING_KNOWN, copy)


def test_a_renamed_column_is_named_with_its_file(copy: Path) -> None:
    frame, _ = pyreadstat.read_xport(copy / "SMQ_C.xpt")
    write_xport(frame.rename(columns={"SMQ020": "SMQ020X"}), copy / "SMQ_C.xpt")
    with pytest.raises(build.BuildError, match="SMQ_C has none of the columns SMQ020"):
        build.assemble_cycle(RECIPE, "2003", NOTHING_KNOWN, copy)


def test_repeated_persons_are_refused_with_their_number(copy: Path) -> None:
    frame, _ = pyreadstat.read_xport(copy / "BMX_B.xpt")
    write_xport(pd.concat([frame, frame.head(2)]), copy / "BMX_B.xpt")
    with pytest.raises(build.BuildError, match="BMX_B: 2 of 14 rows repeat"):
        build.assemble_cycle(RECIPE, "2001", NOTHING_KNOWN, copy)


def test_a_file_of_another_cycle_is_noticed(copy: Path) -> None:
    (copy / "BMX_B.xpt").write_bytes((copy / "BMX_C.xpt").read_bytes())
    with pytest.raises(build.BuildError, match="Cycle 2001: 12 rows belong to nobody"):
        build.assemble_cycle(RECIPE, "2001", NOTHING_KNOWN, copy)


def test_participants_without_linkage_are_noticed(copy: Path) -> None:
    path = copy / RECIPE["mortality"]["files"]["2005"]
    path.write_text("\n".join(path.read_text(encoding="ascii").splitlines()[3:]) + "\n", encoding="ascii")
    with pytest.raises(build.BuildError, match="3 of 72 participants are without ELIGSTAT"):
        build.build(RECIPE, copy)


# ---------------------------------------------------------------- command line and download


def test_command_line_reads_a_folder_and_names_differences(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main([str(tmp_path), "--from", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "72 participants, 117 columns" in out and "SEQN" in out
    assert len(pd.read_parquet(tmp_path / RECIPE["source"]["output"])) == 72
    assert [p.name for p in tmp_path.iterdir()] == [RECIPE["source"]["output"]]


def test_command_line_says_what_is_wrong_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main([str(tmp_path), "--from", str(tmp_path)]) == 1
    assert "DSII.xpt is not in" in capsys.readouterr().err


@pytest.fixture
def server(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """CDC's servers, played by a local one that notes what is asked for."""
    asked: list[str] = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def here(address: str) -> dict[str, Any]:
    return {**RECIPE, "source": RECIPE["source"] | {"data": address + "/{file}.xpt", "mortality": address + "/{file}"}}


def test_download_goes_on_where_it_stopped_and_fetches_nothing_twice(server: tuple[str, list[str]], folder: Path, tmp_path: Path) -> None:
    address, asked = server
    names = list(build.list_files(RECIPE))
    build.download(here(address), tmp_path)
    assert len(asked) == len(names)
    assert all((tmp_path / n).read_bytes() == (folder / n).read_bytes() for n in names)
    asked.clear()
    (tmp_path / names[5]).unlink()
    build.download(here(address), tmp_path)
    assert asked == [f"/{names[5]}"]
    assert not list(tmp_path.glob("*.part"))


def test_a_file_changed_on_disk_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "checksums.toml").write_text(f'[sha256]\n"DEMO.xpt" = "{"0" * 64}"\n', encoding="utf-8")
    (tmp_path / "DEMO.xpt").write_bytes((folder / "DEMO.xpt").read_bytes())
    with pytest.raises(build.BuildError, match=r"DEMO\.xpt is not the file that was first downloaded"):
        build.download(RECIPE, tmp_path)


def test_a_file_revised_at_cdc_is_refused(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, _ = server
    (tmp_path / "checksums.toml").write_text(f'[sha256]\n"DEMO.xpt" = "{"0" * 64}"\n', encoding="utf-8")
    with pytest.raises(build.BuildError, match=r"DEMO\.xpt at CDC is not the file"):
        build.download(here(address), tmp_path)
    assert not (tmp_path / "DEMO.xpt").exists()


def test_a_web_page_is_not_taken_for_data(server: tuple[str, list[str]], folder: Path, tmp_path: Path) -> None:
    address, _ = server
    (folder / "page.xpt").write_text("<!DOCTYPE html><title>moved</title>", encoding="utf-8")
    try:
        with pytest.raises(build.BuildError, match="web page"):
            build.fetch(f"{address}/page.xpt", tmp_path / "page.xpt", None)
    finally:
        (folder / "page.xpt").unlink()
    assert not list(tmp_path.iterdir())
