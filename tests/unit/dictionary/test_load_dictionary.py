"""Reading dictionaries: every fault has a message that says where and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from cobalamin.core.errors import CobalaminError, ColumnNotFoundError, DictionaryError, SourceError
from cobalamin.dictionary.dictionary import load_dictionary

GOOD = """
name: t
fields:
  - {name: id, type: string, role: person_id}
  - name: smoking
    title: Smoking
    type: integer
    categories: [{value: 1, label: never}, {value: 2, label: current}]
    reference: current
    missingValues: [{value: 9, label: refused}]
  - {name: bmi, title: Body mass index, type: number, unit: kg/m2, constraints: {minimum: 10, maximum: 90}}
"""


def write(folder: Path, text: str, name: str = "t.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def field(text: str) -> str:
    return f"name: t\nfields:\n  - {text}\n"


class TestGoodDictionary:
    def test_variables_carry_what_was_written(self, tmp_path: Path) -> None:
        dictionary = load_dictionary(write(tmp_path, GOOD))
        smoking = dictionary.variable("t", "smoking")
        assert smoking.labels == ("current", "never")
        assert [(m.value, m.reason) for m in smoking.missing] == [("9", "refused")]
        assert dictionary.labels() == {"id": "id", "smoking": "Smoking", "bmi": "Body mass index (kg/m²)"}
        assert dictionary.table("t").with_role("person_id")[0].name == "id"

    def test_a_single_file_is_read_alone(self, tmp_path: Path) -> None:
        write(tmp_path, GOOD)
        write(tmp_path, GOOD.replace("name: t\n", "name: u\n"), "u.yaml")
        assert list(load_dictionary(tmp_path / "u.yaml").tables) == ["u"]
        assert list(load_dictionary(tmp_path).tables) == ["t", "u"]

    def test_fingerprint_follows_the_meaning_not_the_layout(self, tmp_path: Path) -> None:
        first = load_dictionary(write(tmp_path, GOOD)).fingerprint
        moved = tmp_path / "elsewhere"
        moved.mkdir()
        again = load_dictionary(
            write(moved, "# a remark\n" + GOOD.replace("unit: kg/m2, ", "").replace("bmi,", "bmi, unit: kg/m2,"))
        ).fingerprint
        changed = load_dictionary(write(tmp_path, GOOD.replace("maximum: 90", "maximum: 91"))).fingerprint
        assert first == again != changed

    def test_missing_codes_of_the_table_hold_where_a_field_has_none(self, tmp_path: Path) -> None:
        fields = "fields: [{name: a, type: integer}, {name: b, type: integer, missingValues: []}]"
        text = f"missingValues: ['', {{value: -8, label: not asked}}]\n{fields}"
        dictionary = load_dictionary(write(tmp_path, text))
        assert [m.value for m in dictionary.variable("t", "a").missing] == ["", "-8"]
        assert dictionary.variable("t", "b").missing == ()

    def test_unknown_names_are_answered_with_the_nearest(self, tmp_path: Path) -> None:
        dictionary = load_dictionary(write(tmp_path, GOOD))
        with pytest.raises(ColumnNotFoundError, match="Did you mean 'smoking'"):
            dictionary.variable("t", "smokng")
        with pytest.raises(DictionaryError, match="it has t"):
            dictionary.table("person")

    def test_it_shows_itself(self, tmp_path: Path) -> None:
        dictionary = load_dictionary(write(tmp_path, GOOD))
        assert repr(dictionary) == "Dictionary(1 tables, 3 columns, 0 code lists: t)"
        assert "<td>t</td>" in dictionary._repr_html_()


FAULTS = {
    "misspelt property": (field("{name: x, type: number, unt: g}"), r"t\.yaml: field 'x': unknown property 'unt'\. Did you mean 'unit'\?"),
    "misspelt table property": (
        "primarykey: [x]\nfields: [{name: x, type: number}]",
        "unknown property 'primarykey'. Did you mean 'primaryKey'",
    ),
    "misspelt constraint": (field("{name: x, type: number, constraints: {minimun: 1}}"), "Did you mean 'minimum'"),
    "misspelt analyte property": (
        "fields: [{name: a, type: string}, {name: x, type: number, analyteColumn: a, analytes: {b12: {unit: g/L, acceptedUnit: [g/L]}}}]",
        "Did you mean 'acceptedUnits'",
    ),
    "unknown type": (field("{name: x, type: numeric}"), "type 'numeric' is not known"),
    "unknown role": (field("{name: x, type: number, role: exposre}"), "Did you mean 'exposure'"),
    "unknown disclosure": (field("{name: x, type: number, disclosure: secret}"), "disclosure 'secret' is not known"),
    "no fields": ("name: t", "property 'fields' is missing"),
    "no type": (field("{name: x}"), "field 'x': property 'type' is missing"),
    "not a table": ("- a\n- b", "expected a table descriptor"),
    "not YAML": ("a: [", "not valid YAML"),
    "key twice": ("name: t\nname: u\nfields: [{name: x, type: number}]", "the key 'name' is written twice"),
    "field twice": ("fields: [{name: x, type: number}, {name: x, type: string}]", "the field 'x' is described 2 times"),
    "yes is not a text": (field("{name: x, type: string, categories: [{value: yes, label: a}]}"), "put it in quotes"),
    "reference not a label": (
        field("{name: x, type: integer, categories: [{value: 1, label: never}], reference: nevr}"),
        "reference 'nevr' is not one of the labels never. Did you mean 'never'",
    ),
    "reference without categories": (field("{name: x, type: integer, reference: a}"), "has no categories"),
    "category twice": (field("{name: x, type: integer, categories: [1, 1]}"), "category value '1' is given twice"),
    "category and missing": (
        field("{name: x, type: integer, categories: [1, 9], missingValues: [9]}"),
        "both a category and a missing value",
    ),
    "categories of a number": (field("{name: x, type: number, categories: [1]}"), "categories are for types string and integer"),
    "range turned round": (
        field("{name: x, type: number, constraints: {minimum: 5, maximum: 1}}"),
        r"minimum \(5\) is above maximum \(1\)",
    ),
    "range of a text": (field("{name: x, type: string, constraints: {minimum: 5}}"), "no meaning for type string"),
    "range in words": (field("{name: x, type: number, constraints: {minimum: low}}"), "minimum and maximum of a number are numbers"),
    "day that is none": (field("{name: x, type: date, constraints: {minimum: '2001-02-30'}}"), "written as 2001-12-31"),
    "limits turned round": (field("{name: x, type: number, detectionLimits: {lower: 5, upper: 1}}"), "is not below upper"),
    "broken pattern": (field("{name: x, type: string, constraints: {pattern: '('}}"), "not a regular expression"),
    "pattern with look-around": (field("{name: x, type: string, constraints: {pattern: '(?=a)'}}"), "not a regular expression"),
    "pattern of a number": (field("{name: x, type: number, constraints: {pattern: a}}"), "pattern has no meaning"),
    "format of a number": (field("{name: x, type: number, format: '%Y'}"), "format is for dates only"),
    "unit without conversion": (field("{name: x, type: number, unit: pmol/L, acceptedUnits: [pg/mL]}"), "Give molarMass"),
    "units of different kind": (field("{name: x, type: number, unit: mmol/L, acceptedUnits: [fL]}"), "they measure different things"),
    "unit of a text": (field("{name: x, type: string, unit: g}"), "no meaning for type string"),
    "accepted units alone": (field("{name: x, type: number, acceptedUnits: [g/L]}"), "acceptedUnits needs unit"),
    "unit column absent": (field("{name: x, type: number, unitColumn: units}"), "unitColumn names 'units', which is not a field"),
    "unit column of two results": (
        "fields: [{name: u, type: string}, {name: x, type: number, unitColumn: u}, {name: y, type: number, unitColumn: u}]",
        "given to several fields",
    ),
    "unit column with categories": (
        "fields: [{name: u, type: string, categories: [g]}, {name: x, type: number, unit: g/L, unitColumn: u}]",
        "must be of type string and have no categories",
    ),
    "analytes without column": (field("{name: x, type: number, analytes: {b12: {unit: pmol/L}}}"), "given together or not at all"),
    "key of no field": (
        "primaryKey: [idd]\nfields: [{name: id, type: string}]",
        "primaryKey names 'idd', which is not a field. Did you mean 'id'",
    ),
    "order of no dates": ("dateOrder: [[a, b]]\nfields: [{name: a, type: date}, {name: b, type: string}]", "of type string, not date"),
    "two persons": ("fields: [{name: a, type: string, role: person_id}, {name: b, type: string, role: person_id}]", "a table has one"),
}


class TestFaults:
    @pytest.mark.parametrize("name", FAULTS)
    def test_is_refused_with_its_place(self, tmp_path: Path, name: str) -> None:
        text, message = FAULTS[name]
        with pytest.raises(DictionaryError, match=message):
            load_dictionary(write(tmp_path, text))

    def test_all_faults_of_a_table_come_in_one_message(self, tmp_path: Path) -> None:
        text = "fields: [{name: x, type: numbr}, {name: y, type: number, role: expsure}]"
        with pytest.raises(DictionaryError) as caught:
            load_dictionary(write(tmp_path, text))
        assert "Did you mean 'number'" in str(caught.value) and "Did you mean 'exposure'" in str(caught.value)

    def test_a_table_in_two_files(self, tmp_path: Path) -> None:
        write(tmp_path, GOOD)
        with pytest.raises(DictionaryError, match="described in two files"):
            load_dictionary(write(tmp_path, GOOD, "other.yaml"))


class TestMissingFiles:
    def test_the_dictionary_itself(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="data dictionary not found"):
            load_dictionary(tmp_path / "absent")
        with pytest.raises(SourceError, match=r"no \.yaml descriptor"):
            load_dictionary(tmp_path)

    def test_a_foreign_table(self, tmp_path: Path) -> None:
        text = "fields: [{name: id, type: string}]\nforeignKeys: [{fields: id, reference: {resource: persns, fields: id}}]"
        write(tmp_path, GOOD.replace("name: t", "name: persons"), "persons.yaml")
        with pytest.raises(SourceError, match=r"persns\.yaml does not exist\. Did you mean 'persons'"):
            load_dictionary(write(tmp_path, text))

    def test_a_foreign_column_or_type(self, tmp_path: Path) -> None:
        write(tmp_path, GOOD.replace("name: t", "name: persons"), "persons.yaml")
        key = "foreignKeys: [{fields: id, reference: {resource: persons, fields: %s}}]"
        with pytest.raises(DictionaryError, match="names 'idd', which is not a column of 'persons'"):
            load_dictionary(write(tmp_path, "fields: [{name: id, type: string}]\n" + key % "idd"))
        with pytest.raises(DictionaryError, match=r"of type integer but 'persons\.id' of type string"):
            load_dictionary(write(tmp_path, "fields: [{name: id, type: integer}]\n" + key % "id"))

    def test_a_code_list(self, tmp_path: Path) -> None:
        (tmp_path / "codelists").mkdir()
        (tmp_path / "codelists" / "asthma.csv").write_text("system,code,label,status,source\nicd10,J45,Asthma,verified,x\n")
        with pytest.raises(
            SourceError, match=r"names the code list 'astma', but the file .*astma\.csv does not exist\. Did you mean 'asthma'"
        ):
            load_dictionary(write(tmp_path, field("{name: code, type: string, codeLists: [astma]}")))
        dictionary = load_dictionary(write(tmp_path, field("{name: code, type: string, codeLists: [asthma]}")))
        assert dictionary.codelist("asthma").codes[0].code == "J45"
        with pytest.raises(DictionaryError, match="no code list 'asthmaa'"):
            dictionary.codelist("asthmaa")

    def test_a_code_list_outside_the_folder_is_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "secret.csv").write_text("system,code,label,status,source\nicd10,J45,Asthma,verified,x\n")
        (tmp_path / "d" / "codelists").mkdir(parents=True)
        with pytest.raises(SourceError, match="does not exist"):
            load_dictionary(write(tmp_path / "d", field("{name: code, type: string, codeLists: ['../../secret']}")))


class TestHostileFiles:
    @pytest.mark.parametrize("text", ["!!python/object/apply:os.system ['true']", "fields: !!python/name:os.system", "a: &a [*a]"])
    def test_nothing_is_run_and_nothing_hangs(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(CobalaminError):
            load_dictionary(write(tmp_path, text))

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "t.yaml").write_bytes(b"\xff\xfe\x00\x01")
        with pytest.raises(SourceError, match="UTF-8"):
            load_dictionary(tmp_path)

    def test_a_huge_file(self, tmp_path: Path) -> None:
        (tmp_path / "t.yaml").write_text("#" * 5_000_001)
        with pytest.raises(SourceError, match="larger than"):
            load_dictionary(tmp_path)
