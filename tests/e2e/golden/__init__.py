"""Recorded behaviour of Otari, asked again of this gateway. `tests/golden/README.md` says what is kept of it."""
