"""The source text of a user's code, and its form, which comments and layout do not change.

A form is a syntax tree as lists for JSON, equal in each version of Python.
"""

import ast
import linecache
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any, TypeAlias

from segue.base.files import JsonValue

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
# Names and decorators are described with what they name; annotations of functions are not run.
_LEFT_OUT = frozenset(
    {"ctx", "kind", "type_comment", "type_ignores", "returns", "annotation", "decorator_list"}
)
_remembered: dict[str, list[str]] = {}


def remember_source(file: str, *texts: str) -> None:
    """Add texts from which code of a file was compiled, whatever the file holds later.

    Tracebacks show the last one, too.
    """
    known = _remembered.setdefault(file, [])
    known[:] = [each for each in known if each not in texts] + list(texts)
    # Without a time of change, an entry of this cache is not compared with the file.
    linecache.cache[file] = (len(known[-1]), None, known[-1].splitlines(keepends=True), file)


def remembered_sources() -> Mapping[str, Sequence[str]]:
    """Return the texts that were remembered so far by file, the last one at the end."""
    return {file: tuple(texts) for file, texts in _remembered.items()}


def function_form(code: CodeType) -> JsonValue:
    """Return the form of a function's arguments and body; None where its source is not to be had.

    Its name, docstring, decorators and annotations do not count.
    """
    tree = _tree_of(code)
    found = [node for node in _functions(tree) if _is_of(code, node)] if tree else []
    if len(found) > 1:
        found = [node for node in found if _has_body_of(code, node)]
    if len(found) != 1:
        return None
    return [_form(found[0].args), _forms(_body(found[0]))]


def class_form(owner: type) -> JsonValue:
    """Return the form of the statements of a class other than methods; None without source.

    The source is found by the methods that are written in the class.
    """
    entries = [code for entry in vars(owner).values() if (code := _code_of(entry))]
    codes = [code for code in entries if code.co_qualname.startswith(f"{owner.__qualname__}.")]
    first = min(codes, key=lambda code: code.co_firstlineno, default=None)
    tree = _tree_of(first) if first else None
    if first is None or tree is None:
        return None
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and node.name == owner.__name__
        and node.lineno <= first.co_firstlineno <= (node.end_lineno or 0)
    ]
    if not around:
        return None
    innermost = max(around, key=lambda node: node.lineno)
    return [
        _form(each)
        for each in _body(innermost)
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]


def module_form(text: str) -> JsonValue:
    """Return the form of a whole module; raise SyntaxError for a text that is not Python."""
    return _form(ast.parse(text))


def statement_form(statement: ast.stmt) -> JsonValue:
    """Return the form of one statement."""
    return _form(statement)


def _tree_of(code: CodeType) -> ast.Module | None:
    """Return the tree of the newest text of a file from which this very code was compiled."""
    file = code.co_filename
    if file not in _remembered:
        text = "".join(linecache.getlines(file))
        if text:
            remember_source(file, text)
    texts = reversed(_remembered.get(file, []))
    return next((_tree(text) for text in texts if code in _codes(text)), None)


@lru_cache(maxsize=64)
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


@lru_cache(maxsize=64)
def _codes(text: str) -> frozenset[CodeType]:
    """Return all code that is compiled from a text; the name of its file does not count."""
    try:
        found = [compile(text, "", "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return frozenset()
    for code in found:
        found += [const for const in code.co_consts if isinstance(const, CodeType)]
    return frozenset(found)


def _functions(tree: ast.Module) -> Iterator[_Function]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node


def _is_of(code: CodeType, node: _Function) -> bool:
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return code.co_name == node.name and first == code.co_firstlineno


def _has_body_of(code: CodeType, node: _Function) -> bool:
    """Return whether an instruction spans the body of a lambda, as its last one does."""
    if not isinstance(node, ast.Lambda):
        return True
    body = node.body
    span = (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset)
    return span in set(code.co_positions())


def _code_of(entry: object) -> CodeType | None:
    inner = getattr(entry, "fget", None) or getattr(entry, "__func__", None) or entry
    code = getattr(inner, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _body(node: ast.AST) -> list[ast.AST]:
    """Return the statements of a body without its docstring, or the expression of a lambda."""
    body = getattr(node, "body", [])
    if not isinstance(body, list):
        return [body]
    first = body[0] if body and isinstance(node, _DOCUMENTED) else None
    is_docstring = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return body[1:] if is_docstring else body


def _form(node: object) -> JsonValue:
    if isinstance(node, list):
        return _forms(node)
    if isinstance(node, ast.Constant):
        return [type(node.value).__name__, repr(node.value)]
    if isinstance(node, ast.JoinedStr):
        return ["JoinedStr", _joined(node)]
    if not isinstance(node, ast.AST):
        return node if isinstance(node, str | int) else None
    # Versions of Python differ in fields that are empty.
    fields = {
        name: _forms(_body(node)) if name == "body" else _form(value)
        for name, value in ast.iter_fields(node)
        if name not in _LEFT_OUT and value is not None and value != []
    }
    if isinstance(node, ast.AnnAssign):
        fields["annotation"] = _form(node.annotation)  # of a dataclass's field, for example
    return [type(node).__name__, fields]


def _forms(nodes: "list[Any]") -> list[JsonValue]:
    return [_form(each) for each in nodes]


def _joined(node: ast.JoinedStr) -> list[JsonValue]:
    """Return the parts of an f-string; where versions divide its plain text differs."""
    parts: list[JsonValue] = []
    for value in node.values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            if parts and isinstance(parts[-1], str):
                parts[-1] += value.value
            elif value.value:
                parts.append(value.value)
        else:
            parts.append(_form(value))
    return parts
