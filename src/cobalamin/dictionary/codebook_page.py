"""The HTML of the codebook page (a Jinja template; every value is escaped by the environment)."""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Codebook</title>
<style>
:root { --ink: #1c2430; --soft: #56616f; --line: #d5dae1; --back: #ffffff; --band: #f4f6f8; --accent: #0b5c8a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #a7b1bd; --line: #38424e; --back: #14181d; --band: #1c222a; --accent: #7cc0ea; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.35rem; margin: 2.6rem 0 .3rem; padding-top: .6rem; border-top: 2px solid var(--accent); }
p { max-width: 46rem; margin: .4rem 0; }
a { color: var(--accent); }
code, .code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .9em; overflow-wrap: anywhere; }
nav ul { columns: 16rem; padding-left: 1.2rem; margin: .6rem 0; }
.soft { color: var(--soft); }
.scroll { overflow-x: auto; margin: .8rem 0; }
.scroll:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
.wide { min-width: 56rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid var(--line); }
thead th { border-bottom: 2px solid var(--ink); white-space: nowrap; }
tbody tr:nth-child(even) { background: var(--band); }
tbody th { font-weight: 600; }
th.code { overflow-wrap: normal; white-space: nowrap; }
ul.codes { list-style: none; margin: 0; padding: 0; }
.tag { display: inline-block; border: 1px solid var(--line); border-radius: 1rem; padding: 0 .55rem; font-size: .85em;
  margin: 0 .2rem .2rem 0; }
td.n { text-align: right; white-space: nowrap; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .6rem; font-size: .85rem; color: var(--soft); }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--back); padding: .4rem .8rem; }
@media print {
  :root { --ink: #000; --soft: #333; --line: #999; --back: #fff; --band: #fff; --accent: #000; }
  @page { size: A4 landscape; margin: 14mm; }
  body { max-width: none; padding: 0; font-size: 9pt; }
  nav, .skip { display: none; }
  h2 { break-before: page; break-after: avoid; }
  h2.first { break-before: auto; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  .scroll { overflow: visible; }
  .wide { min-width: 0; }
  a { color: inherit; text-decoration: none; }
}
</style>
</head>
<body>
<a class="skip" href="#content">Skip to the tables</a>
<header>
<h1>Codebook</h1>
<p class="soft">{{ tables|length }} tables, {{ n_columns }} columns, {{ codelists|length }} code lists.</p>
</header>
<nav aria-label="Contents">
<ul>
{% for t in tables %}
<li><a href="#table-{{ loop.index }}">{{ t.table.title or t.table.name }}</a> <span class="soft code">{{ t.table.name }}</span></li>
{% endfor %}
{% if codelists %}
<li><a href="#codelists">Code lists</a></li>
{% endif %}
</ul>
</nav>
<main id="content">
{% for t in tables %}
<section aria-labelledby="table-{{ loop.index }}">
<h2 id="table-{{ loop.index }}"{% if loop.first %} class="first"{% endif %}>{{ t.table.title or t.table.name }}
 <span class="soft code">{{ t.table.name }}</span></h2>
{% if t.table.description %}<p>{{ t.table.description|ticks }}</p>{% endif %}
{% for line in t["keys"] %}<p class="soft">{{ line }}</p>{% endfor %}
<div class="scroll" role="region" tabindex="0" aria-label="Columns of {{ t.table.name }}">
<table class="wide">
<thead><tr><th scope="col">Column</th><th scope="col">Meaning</th><th scope="col">Type and unit</th><th scope="col">Values</th>
<th scope="col">Missing</th><th scope="col">Use</th>{% if counted %}<th scope="col">Rows with a value</th>{% endif %}</tr></thead>
<tbody>
{% for r in t["rows"] %}
<tr>
<th scope="row" class="code">{{ r.v.name }}</th>
<td>{% if r.v.title %}<strong>{{ r.v.title }}</strong><br>{% endif %}{{ r.v.description|ticks }}
{% if r.v.source %}<div class="soft">Source: {{ r.v.source|ticks }}</div>{% endif %}</td>
<td>{{ r.type }}{% if r.v.unit %}<br><span class="code">{{ r.v.unit }}</span>{% endif %}{% if r.v.required %}<br>required{% endif %}
{% if r.v.unique %}<br>unique{% endif %}</td>
<td>
{% if r.v.categories %}
<ul class="codes">
{% for c in r.v.categories %}
<li><span class="code">{{ c.value }}</span>{% if c.label != c.value|string %} {{ c.label }}{% endif %}
{% if c.label == r.v.reference %} <span class="tag">reference</span>{% endif %}</li>
{% endfor %}
</ul>
{% endif %}
{% for line in r.allowed %}<div>{{ line }}</div>{% endfor %}
{% if r.analytes %}
<ul class="codes">
{% for a in r.analytes %}
<li><span class="code">{{ a.name }}</span> {{ a.title }}: {{ a.range or a.unit }}{% if a.accepted %}
 <span class="soft">(accepted {{ a.accepted }})</span>{% endif %}</li>
{% endfor %}
</ul>
{% endif %}
{% if r.v.code_lists %}<div class="soft">Code lists: {{ r.v.code_lists|join(", ") }}</div>{% endif %}
</td>
<td><ul class="codes">
{% for m in r.v.missing %}
<li>{% if m.value %}<span class="code">{{ m.value }}</span>{% else %}<span class="soft">empty</span>{% endif %} {{ m.reason }}</li>
{% endfor %}
</ul></td>
<td>{% if r.role %}<span class="tag">{{ r.role }}</span>{% endif %}
{% if r.disclosure %}<div class="soft">{{ r.disclosure }}</div>{% endif %}</td>
{% if counted %}<td class="n">{{ r.n }}</td>{% endif %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
</section>
{% endfor %}
{% if codelists %}
<section aria-labelledby="codelists">
<h2 id="codelists">Code lists</h2>
<p>Codes match as prefixes; dots and capitals do not matter. Only <em>verified</em> codes are used unless a study says otherwise.</p>
{% for list in codelists %}
<div class="scroll" role="region" tabindex="0" aria-label="Code list {{ list.name }}">
<table>
<caption class="code">{{ list.name }}</caption>
<thead><tr><th scope="col">System</th><th scope="col">Code</th><th scope="col">Meaning</th>
<th scope="col">Status</th><th scope="col">Source</th></tr></thead>
<tbody>
{% for c in list.codes %}
<tr><td>{{ c.system }}</td><th scope="row" class="code">{{ c.code }}</th>
<td>{{ c.label }}</td><td>{{ c.status }}</td><td>{{ c.source }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% endfor %}
</section>
{% endif %}
</main>
<footer>Fingerprint of the dictionary: <span class="code">{{ fingerprint }}</span></footer>
</body>
</html>"""
