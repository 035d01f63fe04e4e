"""The authors' look back at EIE, measured: one module an argument.

The points themselves are in `data/published/retrospective.toml`, and `eie.studies.retrospective.points` shows them.
Every other module here answers one question with an exhibit: an object with `table()`, `plot()` and `words()`, as in
`eie.studies.paper`.
"""
