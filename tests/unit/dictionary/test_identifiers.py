"""Direct identifiers stop the load; what only looks like one passes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobalamin.core.errors import IdentifierError
from cobalamin.dictionary.identifiers import find_identifiers, refuse_identifiers
from cobalamin.dictionary.national_numbers import FINNISH_CHECK, luhn


def kinds(values: object, name: str = "x") -> list[tuple[str, int]]:
    return [(kind, n) for _, kind, n in find_identifiers(pd.DataFrame({name: values}))]


# numbers made up for documentation by the authorities or in the literature; none belongs to a person
EXAMPLES = {
    "Swedish personal identity number": ["811218-9876", "19811218-9876", "198112189876", "8112189876", "811218+9876"],
    "Finnish personal identity code": ["131052-308T", "131052A308T"],
    "Norwegian birth number": ["01010750160", "010107 50160"],
    "NHS number": ["943 476 5919", "943-476-5919"],
    "US social security number": ["078-05-1120"],
    "e-mail address": ["a.person@example.org", "write to a_b+c@mail.example.co.uk please"],
    "telephone number": ["+46701234567", "+46 70 123 45 67", "070-123 45 67", "(555) 123-4567", "0046 70 1234567"],
}


class TestFound:
    @pytest.mark.parametrize(("kind", "text"), [(k, t) for k, texts in EXAMPLES.items() for t in texts])
    def test_one_among_pseudonyms(self, kind: str, text: str) -> None:
        assert kinds(["P0001", text, None, "P0003"]) == [(kind, 1)]

    @pytest.mark.parametrize("text", ["see 811218-9876 (old)", "ID:131052-308T", "tel. 19811218-9876"])
    def test_inside_a_remark(self, text: str) -> None:
        assert len(kinds(["no remark", text])) == 1

    def test_a_danish_column(self) -> None:
        numbers = [f"{day:02d}0761-{serial:04d}" for day in range(1, 29) for serial in range(4000, 4300) if danish_valid(day, serial)][::40]
        assert len(numbers) > 10
        assert kinds(["P1", *numbers]) == [("Danish CPR number", len(numbers))]

    def test_ten_digits_of_the_nhs_need_company(self) -> None:
        numbers = [str(n) for n in range(9434765000, 9434766000) if nhs_valid(n)][:5]
        assert kinds(numbers) == [("NHS number", 5)]
        assert kinds(numbers[:1]) == []  # one in eleven numbers of ten digits passes by chance

    def test_numbers_stored_as_numbers(self) -> None:
        assert kinds([198112189876, 5]) == [("Swedish personal identity number", 1)]
        assert kinds(np.array([198112189876.0, np.nan])) == [("Swedish personal identity number", 1)]

    def test_rows_are_counted_not_distinct_values(self) -> None:
        assert kinds(["a@example.org"] * 3 + ["b"]) == [("e-mail address", 3)]
        assert kinds(pd.Series(["a@example.org"] * 3 + ["b"], dtype="category")) == [("e-mail address", 3)]

    @pytest.mark.parametrize("name", ["birth_date", "dob", "DateOfBirth", "fodelsedatum"])
    @pytest.mark.parametrize("value", ["1965-03-12", "12.03.1965", "19650312", 19650312, pd.Timestamp("1965-03-12")])
    def test_full_dates_of_birth(self, name: str, value: object) -> None:
        assert kinds([value, None], name) == [("full date of birth", 1)]

    @pytest.mark.parametrize("name", ["first_name", "LastName", "efternamn", "street_address"])
    def test_names_and_addresses(self, name: str) -> None:
        assert kinds(["Anna", None], name) == [("name or address of a person", 1)]

    def test_named_number_columns_need_no_check_digit(self) -> None:
        assert kinds(["078051120"], "ssn") == [("national number", 1)]
        assert kinds(["P0001"], "ssn") == []


def danish_valid(day: int, serial: int) -> bool:
    digits = f"{day:02d}0761{serial:04d}"
    return sum(int(d) * w for d, w in zip(digits, [4, 3, 2, 7, 6, 5, 4, 3, 2, 1], strict=True)) % 11 == 0


def nhs_valid(n: int) -> bool:
    return sum(int(d) * w for d, w in zip(str(n), range(10, 0, -1), strict=True)) % 11 == 0


class TestPasses:
    @pytest.mark.parametrize(
        "values",
        [
            [f"P{i:07d}" for i in range(200)],
            ["L90.0", "D51.0", "895454001", "25674000"],
            ["2001-02-03", "2001-02-04T10:00:00"],
            ["20010203", "20010204"],
            [20010203, 20010204],
            [f"240115-{i:04d}" for i in range(500)],
            [f"S{i:010d}" for i in range(500)],
            [str(10**9 + 7919 * i) for i in range(2000)],
            [10**9 + 7919 * i for i in range(2000)],
            [str(10**11 + 7919 * i) for i in range(2000)],
            ["<150", ">2000", "12.5 (L)", "pmol/L", "k[IU]/L"],
            [1.5, 2.5, 1e12],
            [True, False],
            ["user@localhost", "@home", "5 @ 3"],
            ["B03BA01", "A10BA02"],
            ["000-12-3456", "666-12-3456"],
        ],
        ids=lambda v: str(v[0]),
    )
    def test_pseudonyms_codes_dates_and_results(self, values: list) -> None:
        assert kinds(values) == []

    @pytest.mark.parametrize("value", [1965, "1965", "1965-03", "1965-03-01", "1965-03-15", pd.Timestamp("1965-03-01"), 19650315, None])
    def test_births_cut_to_year_or_month(self, value: object) -> None:
        assert kinds([value], "birth_date") == []

    @pytest.mark.parametrize("name", ["birth_weight", "sample_date", "name_of_drug", "region"])
    def test_other_columns_may_hold_such_values(self, name: str) -> None:
        assert kinds([3500] if name == "birth_weight" else ["Metformin"], name) == []

    def test_empty_columns_and_tables(self) -> None:
        for values in ([], [None], [np.nan], pd.to_datetime([None])):
            assert kinds(values, "dob") == kinds(values, "first_name") == kinds(values) == []
        refuse_identifiers(pd.DataFrame(), table="t")

    def test_random_sample_numbers(self) -> None:
        random = np.random.default_rng(1)
        for width in (9, 10, 11, 12):
            assert kinds(random.integers(10 ** (width - 1), 10**width, 3000)) == []
            assert kinds([str(n) for n in random.integers(10 ** (width - 1), 10**width, 3000)]) == []


class TestMessage:
    def test_counts_and_columns_but_no_value(self) -> None:
        frame = pd.DataFrame({"contact": ["a.person@example.org", "x"], "pnr": ["811218-9876", "P1"], "age": [1, 2]})
        with pytest.raises(IdentifierError) as caught:
            refuse_identifiers(frame, table="persons")
        message = str(caught.value)
        assert "'contact' (e-mail address, 1 of 2 rows)" in message and "'pnr' (Swedish personal identity number, 1 of 2 rows)" in message
        assert "person@" not in message and "8112" not in message and "age" not in message

    def test_the_error_is_a_value_error_of_the_package(self) -> None:
        with pytest.raises(ValueError, match="direct identifiers"):
            refuse_identifiers(pd.DataFrame({"x": ["a@example.org"]}), table="t")


class TestCheckDigits:
    @given(st.integers(0, 10**9 - 1))
    def test_exactly_one_last_digit_passes_luhn(self, start: int) -> None:
        digits = np.array([[int(c) for c in f"{start:09d}{k}"] for k in range(10)])
        assert luhn(digits).sum() == 1

    @settings(max_examples=50)
    @given(st.integers(1, 28), st.integers(1, 12), st.integers(0, 99), st.integers(2, 899))
    def test_every_finnish_code_is_found_and_a_wrong_check_character_is_not(self, day: int, month: int, year: int, serial: int) -> None:
        number = int(f"{day:02d}{month:02d}{year:02d}{serial:03d}")
        text = f"{day:02d}{month:02d}{year:02d}-{serial:03d}"
        # a letter: with a digit in its place the text could be a Swedish number
        wrong = next(c for c in "ABCDEF" if c != FINNISH_CHECK[number % 31])
        assert kinds([text + FINNISH_CHECK[number % 31]]) == [("Finnish personal identity code", 1)]
        assert kinds([text + wrong]) == []


@given(st.lists(st.one_of(st.none(), st.text(max_size=30), st.integers(), st.floats(), st.booleans(), st.binary(max_size=5)), max_size=20))
def test_any_column_of_objects_is_looked_at_without_an_error(values: list) -> None:
    list(find_identifiers(pd.DataFrame({"dob": pd.Series(values, dtype=object)})))
