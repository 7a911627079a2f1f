"""A small simulated study that asks for every kind of model and every exhibit at once."""

from __future__ import annotations

from pathlib import Path

from support.studies import copy_study

ADDED = """
[[model]]
name = "firth"
label = "Firth"
kind = "cox"
formula = "b12_class + gastritis"
strata = ["sex"]
firth = true

[[model]]
name = "ridge"
label = "Ridge"
kind = "cox"
formula = "b12_log2 + gastritis"
ridge = 5
ridge_terms = ["gastritis"]
ties = "breslow"

[[model]]
name = "frailty"
label = "Frailty"
kind = "cox"
formula = "b12_log2"
frailty = "region"

[[model]]
name = "clustered"
label = "Clustered"
kind = "cox"
formula = "b12_log2"
cluster = "region"
weights = "one"

[[model]]
name = "weibull"
label = "Weibull"
kind = "aft"
formula = "b12_log2 + gastritis"
show = ["b12_log2"]

[[model]]
name = "lognormal"
label = "Log-normal"
kind = "aft"
formula = "b12_log2"
distribution = "lognormal"

[[model]]
name = "flexible"
label = "Flexible"
kind = "flexible_parametric"
formula = "b12_log2 + gastritis"
df = 2

[[model]]
name = "low"
label = "Low B12"
kind = "logistic"
role = "sensitivity"
formula = "gastritis ~ b12_log2 + age"
show = ["b12_log2"]

[report]
"""
EXHIBITS = """curves = { by = "b12_class", start = 40, log_log = true, rmst = 75, band = "hall-wellner" }
incidence = { by = "b12_class", start = 40 }
states = [{ start = 40 }, { by = "sex", start = 40 }]
proportional_hazards = [{ model = "adjusted_lag2" }, { model = "death_lag2", terms = ["bmi"], transform = "log" }]
dose_response = [
  { model = "spline_lag2", variable = "b12", reference = 221, log = true },
  { model = "adjusted", variable = "bmi" },
]
"""


def everything(folder: Path, *, persons: int, preset: str, more: dict[str, str] | None = None) -> Path:
    """Copy the onset study with every kind of model and exhibit added."""
    text = (Path(__file__).resolve().parents[2] / "analyses" / "onset" / "protocol.toml").read_text(encoding="utf-8")
    start = text.index("curves = {")
    asked = text[start : text.index("truth = {")]
    changes = {
        "\n[report]\n": ADDED,
        asked: EXHIBITS,
        'sex = "sex"\n': 'sex = "sex"\nregion = "region"\none = "one"\n',
        "[design.time_zero]": '[design.derive]\none = "1 + 0 * birth_year"\n\n[design.time_zero]',
        'preset = "opensafely"': f'preset = "{preset}"',
    }
    return copy_study("onset", folder, persons=persons, changes=changes | (more or {}))
