"""The kinds of mutations of a line of code: each returns the changed text of a node.

Logs, metrics and documentation are not mutated: a changed word in a log line is not a defect that a test must find.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], tuple[tuple[str, str, str], ...]] = {
    ast.Eq: (("comparison flipped", "==", "!="),),
    ast.NotEq: (("comparison flipped", "!=", "=="),),
    ast.Lt: (("comparison flipped", "<", ">"), ("boundary moved", "<", "<=")),
    ast.LtE: (("comparison flipped", "<=", ">="), ("boundary moved", "<=", "<")),
    ast.Gt: (("comparison flipped", ">", "<"), ("boundary moved", ">", ">=")),
    ast.GtE: (("comparison flipped", ">=", "<="), ("boundary moved", ">=", ">")),
    ast.In: (("comparison flipped", "in", "not in"),),
    ast.NotIn: (("comparison flipped", "not in", "in"),),
    ast.Is: (("comparison flipped", "is", "is not"),),
    ast.IsNot: (("comparison flipped", "is not", "is"),),
}
_SILENT = ("log.", "logging.", "warnings.", "super().__init__", "_RUNS.", "RUNS.")


@dataclass(frozen=True, slots=True)
class Change:
    """A node of a function and the text that replaces it."""

    kind: str
    node: ast.AST
    after: str


def changes(function: ast.FunctionDef | ast.AsyncFunctionDef, source: str) -> Iterator[Change]:
    """Every possible change of a function's body, without nested functions."""
    for node in _own_nodes(function):
        yield from _changes_of(node, source)


def _own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [*reversed(function.body)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Raise | ast.JoinedStr):
            continue
        if isinstance(node, ast.Expr) and (isinstance(node.value, ast.Constant) or _is_silent(node.value)):
            continue
        yield node
        waiting.extend(reversed([*ast.iter_child_nodes(node)]))


def _is_silent(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith(_SILENT)


def _changes_of(node: ast.AST, source: str) -> Iterator[Change]:  # noqa: C901, PLR0912 - one case a kind of node
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            for kind, _, other in _COMPARISONS.get(type(operator), ()):
                yield Change(kind, node, f"{_text(left, source)} {other} {_text(right, source)}")
        case ast.BoolOp(op=operator, values=values):
            word = " or " if isinstance(operator, ast.And) else " and "
            yield Change("and/or exchanged", node, word.join(_in_brackets(each, source) for each in values))
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield Change("return value dropped", node, "return None")
        case ast.Expr(value=ast.Call()):
            yield Change("call removed", node, "pass")
        case ast.Constant(value=bool(value)):
            yield Change("constant changed", node, str(not value))
        case ast.Constant(value=int(value)):
            yield Change("constant changed", node, str(value + 1))
        case ast.Subscript(slice=ast.Constant(value=str(key)) as place):
            yield Change("wrong key", place, f'"{key}X"')
        case ast.Call(
            func=ast.Attribute(attr="get" | "hget" | "pop"), args=[ast.Constant(value=str(key)) as place, *_]
        ):
            yield Change("wrong key", place, f'"{key}X"')
        case ast.Call(keywords=keywords) if any(each.arg == "key" for each in keywords):
            yield Change("sort key removed", node, _without_key(node, source))
        case _:
            pass
    if isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, ast.Constant):
        yield Change("condition negated", node.test, f"not ({_text(node.test, source)})")
    if isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield Change("condition negated", test, f"not ({_text(test, source)})")


def _without_key(call: ast.Call, source: str) -> str:
    kept = [_text(each, source) for each in call.args]
    kept += [f"{each.arg}={_text(each.value, source)}" for each in call.keywords if each.arg != "key"]
    return f"{_text(call.func, source)}({', '.join(kept)})"


def _in_brackets(node: ast.expr, source: str) -> str:
    text = _text(node, source)
    return f"({text})" if isinstance(node, ast.BoolOp | ast.IfExp | ast.Lambda | ast.NamedExpr) else text


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _text(node: ast.AST, source: str) -> str:
    return ast.get_source_segment(source, node) or ast.unparse(node)
