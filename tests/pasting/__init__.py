"""Commands pasted from every format into real shells."""
