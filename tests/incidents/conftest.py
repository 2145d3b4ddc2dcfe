"""Prints a table of the incidents after the tests: expected and found results."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print (incident, expected, found) for every incident that ran."""
    rows = []
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        properties = dict(report.user_properties)
        if report.when == "call" and "expected" in properties:
            name = report.nodeid.partition("[")[2].rstrip("]")
            mark = "" if report.passed else "  <-- not as expected"
            rows.append((name, properties["expected"], str(properties.get("found", "an error")) + mark))
    if not rows:
        return
    terminalreporter.section("incidents: expected, found")
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    for name, expected, found in sorted(rows):
        terminalreporter.write_line(f"{name:<{widths[0]}}  {expected:<{widths[1]}}  {found}")
