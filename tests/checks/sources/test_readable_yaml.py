"""YAML that is written to a bundle parses to the same values.

Our parser and others read it.
"""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from checks.model.documents import Budget, parse_yaml
from checks.sources.readable_yaml import yaml_stream
from tests.clusters.compose import named

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        *(
            "yes",
            "No",
            "null",
            "~",
            "1",
            "0x1f",
            "1e3",
            ".5",
            "-",
            "- a",
            "a: b",
            "a #b",
            "#",
            "2026-11-16T10:20:00Z",
            "<<",
        ),
        *(
            "a\nb",
            "a\nb\n",
            "a\n\nb\n\n",
            " a\nb",
            "a\n b\n",
            "\n",
            "a \nb",
            "a\tb",
            "*a",
            "&a",
            "!a",
            "%a",
            "@",
            "`",
            "|",
        ),
        *(
            "a\r\nb",
            "\u2028",
            "\ufeff",
            "\x85",
            "\x7f",
            "a:",
            "key: |\n  x\n",
            "'",
            '"',
            "\\",
            "{",
            "[",
            "?",
            "=",
            "12:30",
        ),
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(-1e9, 1e9).map(float) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(VALUES.filter(lambda value: value is not None), max_size=3))
def test_written_values_parse_to_the_same_values(documents: list[Any]) -> None:
    assert list(parse_yaml(yaml_stream(documents), Budget())) == documents


@given(VALUES.filter(lambda value: value is not None))
def test_pyyaml_parses_the_same_values(document: Any) -> None:
    found = yaml.load(yaml_stream([document]), Loader=yaml.CSafeLoader)
    assert found == document


@pytest.mark.parametrize("cluster", ["base", "many-webhooks-and-routes"])
def test_a_whole_cluster_parses_to_the_same_objects(cluster: str) -> None:
    objects = [*named(cluster).objects]
    assert list(parse_yaml(yaml_stream(objects), Budget())) == objects


def test_the_format_is_that_of_kubectl() -> None:
    found = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "mesh", "labels": {}, "finalizers": ["a/b"]},
        "data": {"mesh": "accessLogFile: /dev/stdout\ndefaultConfig: {}\n", "on": "yes", "port": "80"},
        "items": [{"name": "x", "value": 1}, ["a"], "b c"],
    }
    assert yaml_stream([found]) == (
        "apiVersion: v1\n"
        "kind: ConfigMap\n"
        "metadata:\n"
        "  name: mesh\n"
        "  labels: {}\n"
        "  finalizers:\n"
        "  - a/b\n"
        "data:\n"
        "  mesh: |\n"
        "    accessLogFile: /dev/stdout\n"
        "    defaultConfig: {}\n"
        '  "on": "yes"\n'
        '  port: "80"\n'
        "items:\n"
        "- name: x\n"
        "  value: 1\n"
        "-\n"
        "  - a\n"
        '- "b c"\n'
    )
