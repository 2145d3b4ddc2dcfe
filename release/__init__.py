"""The files of a release, from one commit and with one version: `make release`.

Wheel, source distribution, chart, build context of the image, bill of materials, release notes and checksums. The same
commit gives the same bytes: every time in the files is that of the commit.
"""
