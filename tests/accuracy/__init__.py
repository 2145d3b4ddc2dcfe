"""The accuracy of egress-diag and other tools over the open corpus (docs/corpus.md)."""
