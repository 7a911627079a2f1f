"""Assemble the NHANES table of this study from CDC's own files.

Run as ``python analyses/nhanes_b12/build.py FOLDER``: downloads what is not yet in FOLDER, checks every file against the checksums
written at its first download, and writes one Parquet table with the names and codes of NCHS, one row per participant.
``--from FOLDER`` uses files that were downloaded before and never goes online. ``build_tables.toml`` says what is taken from where.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
XPORT_START = b"HEADER RECORD"  # a server that answers with a web page instead of the file is caught by this
TINY = 1e-70  # SAS transport files hold zero as 5.4e-79
Recipe = Mapping[str, Any]


class BuildError(Exception):
    """The table cannot be made from these files; the message says why and what to do."""


def load_recipe(path: Path = HERE / "build_tables.toml") -> Recipe:
    """Read the list of files and columns."""
    with path.open("rb") as handle:
        return tomllib.load(handle)


# ---------------------------------------------------------------- which files, and getting them


def list_files(recipe: Recipe) -> dict[str, str]:
    """Return file name -> address of everything the table is made of, each file once."""
    data, supplements = recipe["source"]["data"], recipe["supplements"]
    groups = [*(t["files"] for t in recipe["table"]), supplements["files"], recipe["prescriptions"]["files"]]
    named = [(file, year) for files in groups for year, file in files.items()]
    named += [(supplements[key], supplements["shared_year"]) for key in ("products", "ingredients")]
    addresses = {f"{file}.xpt": data.format(year=year, file=file) for file, year in named}
    deaths = recipe["mortality"]["files"].values()
    return addresses | {file: recipe["source"]["mortality"].format(file=file) for file in deaths}


def download(recipe: Recipe, folder: Path) -> None:
    """Fetch the files that are not in the folder yet and verify the others (trust on first use, see README)."""
    import pooch
    from rich.progress import track

    ledger = folder / "checksums.toml"
    known = tomllib.loads(ledger.read_text(encoding="utf-8"))["sha256"] if ledger.exists() else {}
    addresses = list_files(recipe)
    pooch.get_logger().setLevel("WARNING")
    for name in track(addresses, description="CDC files"):
        path = folder / name
        if not path.exists():
            fetch(addresses[name], path, known.get(name))
        digest = pooch.file_hash(path)
        if known.setdefault(name, digest) != digest:
            raise BuildError(f"{name} is not the file that was first downloaded (SHA-256 differs). Delete it to fetch it again.")
        # written after every file, so that an interrupted download goes on where it stopped
        lines = "".join(f'"{file}" = "{digest}"\n' for file, digest in sorted(known.items()))
        ledger.write_text(f"# SHA-256 of each file at its first download\n[sha256]\n{lines}", encoding="utf-8")


def fetch(address: str, path: Path, digest: str | None) -> None:
    """Download one file under a temporary name and keep it only if it is what it should be."""
    import pooch

    try:
        pooch.retrieve(address, known_hash=digest, fname=f"{path.name}.part", path=path.parent)
    except ValueError as error:
        raise BuildError(
            f"{path.name} at CDC is not the file that was first downloaded (SHA-256 differs). If NCHS revised it, delete its line in"
            f" checksums.toml and run again; the results may then change."
        ) from error
    part = path.with_name(f"{path.name}.part")
    with part.open("rb") as handle:
        start = handle.read(len(XPORT_START))
    if start[:1] == b"<" or (path.suffix == ".xpt" and start != XPORT_START):
        part.unlink()
        raise BuildError(f"{address} gave a web page and not a data file; CDC may have moved it. Correct build_tables.toml.")
    part.replace(path)


# ---------------------------------------------------------------- reading


def read_xport(folder: Path, file: str) -> pd.DataFrame:
    """Read one SAS transport file; names in upper case, numbers as stored, texts stripped."""
    import pyreadstat

    found = [p for p in folder.iterdir() if p.name.upper() == f"{file}.XPT".upper()]
    if not found:
        raise BuildError(f"{file}.xpt is not in {folder.name}. Run build.py without --from, or put CDC's file there.")
    frame, _ = pyreadstat.read_xport(found[0], encoding="latin1")
    frame.columns = frame.columns.str.upper()
    for name in frame.columns:
        if frame[name].dtype == object:
            frame[name] = frame[name].astype(str).str.strip()
        elif frame[name].dtype.kind == "f":
            frame[name] = frame[name].mask(frame[name].abs() < TINY, 0.0)
    return frame


def pick(frame: pd.DataFrame, names: Iterable[str], file: str) -> pd.Series[Any]:
    """Return the first of several columns that the file has."""
    for name in names:
        if name in frame.columns:
            return frame[name]
    raise BuildError(f"{file} has none of the columns {', '.join(names)}. Correct build_tables.toml.")


def one_row_per_person(frame: pd.DataFrame, file: str) -> pd.DataFrame:
    """Index by SEQN; refuse repeated persons, whom a join would multiply."""
    repeated = int(frame["SEQN"].duplicated().sum())
    if repeated:
        raise BuildError(f"{file}: {repeated} of {len(frame)} rows repeat a SEQN; expected one row per participant.")
    return frame.astype({"SEQN": "int64"}).set_index("SEQN")


# ---------------------------------------------------------------- parts of the table, one row per person each


def take_columns(table: Recipe, cycle: str, folder: Path) -> pd.DataFrame:
    """Return the columns of one [[table]] for one cycle under the names of the study table."""
    file = table["files"][cycle]
    frame = one_row_per_person(read_xport(folder, file), file)
    part = pd.DataFrame(index=frame.index)
    for name in table.get("columns", []):
        if int(cycle) in table.get("only", {}).get(name, [int(cycle)]):
            scale = table.get("scale", {}).get(name, {"factor": 1, "cycles": []})
            values = pick(frame, table.get("names", {}).get(name, [name]), file)
            part[name] = values * scale["factor"] if int(cycle) in scale["cycles"] else values
    for name, sources in table.get("mean", {}).items():
        part[name] = frame.reindex(columns=sources).mean(axis=1)
    if "presence" in table:
        part[table["presence"]] = 1.0
    return part


def prescriptions(rules: Recipe, cycle: str, folder: Path) -> pd.DataFrame:
    """Gather one record per medicine to one row per person: RXUSE, and a flag per group of medicines.

    A flag is 1 with any medicine of the group, 0 with none, and missing where it is unknown whether medicines are taken.
    """
    file = rules["files"][cycle]
    records = read_xport(folder, file).astype({"SEQN": "int64"})
    use, drug = pick(records, rules["use"], file), pick(records, rules["drug"], file).str.upper()
    part = pd.DataFrame({"RXUSE": use.groupby(records["SEQN"]).first()})
    answered = part["RXUSE"].isin([1, 2])
    for name, pattern in rules["flags"].items():
        part[name] = drug.str.contains(pattern, regex=True).groupby(records["SEQN"]).any().astype(float).where(answered)
    return part


def products_with_b12(rules: Recipe, folder: Path) -> pd.Series[float]:
    """Return product key -> 1 with B12 among its ingredients, 0 without; a product of unknown ingredients is not in it."""
    ingredients, products = read_xport(folder, rules["ingredients"]), read_xport(folder, rules["products"])
    holds = ingredients[rules["ingredient_name"]].str.upper().str.contains(rules["ingredient"], regex=True)
    known: dict[str, float] = {}
    for key in rules["product_id"]:  # NCHS renumbered the products: both keys lead to the same ones
        if key in ingredients.columns:
            known |= holds.groupby(as_key(ingredients[key])).any().astype(float).to_dict()
    if {*rules["product_id"]} <= {*products.columns}:
        new, old = (as_key(products[key]) for key in rules["product_id"])
        known = {o: known[n] for n, o in zip(new, old, strict=True) if n in known and o} | known
    return pd.Series({key: value for key, value in known.items() if key}, dtype=float)


def as_key(column: pd.Series[Any]) -> pd.Series[str]:
    """Write product numbers as text, whether stored as number or as text."""
    return pd.Series(np.where(column.isna(), "", column.astype(str).str.strip().str.removesuffix(".0")), index=column.index)


def supplement_b12(answers: pd.Series[float], known: pd.Series[float], rules: Recipe, cycle: str, folder: Path) -> pd.Series[float]:
    """Return 1 with any B12 supplement, 0 with none, missing where supplements or their products are unknown (1999-2006).

    One product with B12 decides; a product without known ingredients leaves the answer open unless another one holds B12.
    """
    file = rules["files"][cycle]
    records = read_xport(folder, file).astype({"SEQN": "int64"})
    holds = as_key(pick(records, rules["product_id"], file)).map(known).groupby(records["SEQN"])
    resolved = holds.max().where((holds.max() == 1) | (holds.count() == holds.size()))
    return resolved.reindex(answers.index).where(answers == 1).mask(answers == 2, 0.0)


def mortality(rules: Recipe, cycle: str, folder: Path) -> pd.DataFrame:
    """Read the fixed-width file of linked mortality; a dot or a blank is missing."""
    file = rules["files"][cycle]
    if not (folder / file).exists():
        raise BuildError(f"{file} is not in {folder.name}. Run build.py without --from, or put CDC's file there.")
    spans = [(first - 1, last) for first, last in rules["positions"].values()]
    names = list(rules["positions"])
    return one_row_per_person(pd.read_fwf(folder / file, colspecs=spans, names=names, header=None, na_values=["."]), file)


# ---------------------------------------------------------------- the table


def assemble_cycle(recipe: Recipe, cycle: str, known: pd.Series[float], folder: Path) -> pd.DataFrame:
    """Join all parts of one cycle to its demographic file, whose rows are the participants."""
    first, *others = [take_columns(t, cycle, folder) for t in recipe["table"] if cycle in t["files"]]
    parts = [*others, prescriptions(recipe["prescriptions"], cycle, folder), mortality(recipe["mortality"], cycle, folder)]
    strangers = sum(int((~part.index.isin(first.index)).sum()) for part in parts)
    if strangers:
        raise BuildError(f"Cycle {cycle}: {strangers} rows belong to nobody in the demographic file; are files of two cycles mixed?")
    frame = first.join(parts)
    if cycle in recipe["supplements"]["files"]:
        frame["SUPP_B12_ANY"] = supplement_b12(frame["DSD010"], known, recipe["supplements"], cycle, folder)
    else:  # from 2011 NCHS sums B12 over the supplements itself; nothing is written where there is none
        frame["SUPP_B12_ANY"] = (frame["DSQTVB12"] > 0).astype(float).where(frame["DSD010"].isin([1, 2]))
    return frame.assign(cycle=recipe["cycles"][cycle], cycle_start=int(cycle))


def build(recipe: Recipe, folder: Path) -> pd.DataFrame:
    """Return the whole table: one row per participant, columns in the order of the recipe."""
    known = products_with_b12(recipe["supplements"], folder)
    frame = pd.concat([assemble_cycle(recipe, cycle, known, folder) for cycle in recipe["cycles"]]).sort_index().reset_index()
    layout = recipe["layout"]
    holes = frame[layout["integers"]].isna().sum()
    if holes.any():
        raise BuildError(
            f"{holes.max()} of {len(frame)} participants are without {holes.idxmax()}. Is a file of another cycle or release among them?"
        )
    floats = [name for name in layout["columns"] if name not in {*layout["integers"], "cycle"}]
    types = dict.fromkeys(layout["integers"], "int64") | dict.fromkeys(floats, "float64")
    return frame.reindex(columns=layout["columns"]).astype(types)


def compare(frame: pd.DataFrame, expected: pd.DataFrame) -> pd.DataFrame:
    """Return the columns whose count or mean is not the expected one (NCHS revises files; 1 in 1,000 is let pass)."""
    found = pd.DataFrame({"n": frame.notna().sum(), "mean": frame.mean(numeric_only=True)}).reindex(expected.index)
    both = expected.join(found, rsuffix="_found")
    same = np.isclose(both["n_found"], both["n"], rtol=1e-3) & np.isclose(both["mean_found"], both["mean"], rtol=1e-3, equal_nan=True)
    return both.loc[~same]


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the table goes, and CDC's files unless --from is given")
    parser.add_argument("--from", dest="source", type=Path, help="folder of files downloaded before; nothing is fetched")
    options = parser.parse_args(arguments)
    recipe = load_recipe()
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        if options.source is None:
            download(recipe, options.folder)
        frame = build(recipe, options.source or options.folder)
    except (BuildError, OSError, ImportError) as error:  # ImportError: pooch belongs to the extra "download"
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    path = options.folder / recipe["source"]["output"]
    frame.to_parquet(path.with_suffix(".part"), index=False)
    path.with_suffix(".part").replace(path)
    print(f"{path.name}: {len(frame)} participants, {frame.shape[1]} columns")
    differences = compare(frame, pd.read_csv(HERE / "expected.csv", index_col="column"))
    print(differences.to_string() if len(differences) else "counts and means are those of the table the study was written on")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
