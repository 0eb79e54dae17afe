"""Renders that part of Go's template language in which the chart is written, and no more of it.

That is actions with trim markers, comments, variables, if/else, range, with, pipelines and calls. Anything else is a
`TemplateError`, so that this renders either what Helm renders, or nothing. The functions are the caller's
(`lab.helm`).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping

Function = Callable[..., object]

_ACTION = re.compile(r"(?P<before>\s*\{\{- |\{\{)(?P<body>.*?)(?P<after> -\}\}\s*|\}\})", re.DOTALL)
_TOKEN = re.compile(r'\s*(?P<token>"(?:[^"\\\n]|\\.)*"|\d+|\$?\w*(?:\.\w+)+|\$\w*|\w+|:=|[=.(),|])')
_RANGE = re.compile(r"(?:(?:(?P<key>\$\w+), *)?(?P<value>\$\w+) *:= *)?(?P<list>[^=]+)", re.DOTALL)
_ASSIGNMENT = re.compile(r"(?P<name>\$\w+) *(?P<sign>:?=) *(?P<value>.+)", re.DOTALL)
_BLOCK = re.compile(r"(?P<kind>if|range|with)\s+(?P<rest>.+)", re.DOTALL)


class TemplateError(ValueError):
    """The template uses something that is not known here, or fails as it would with Helm."""


class _Block:
    """An if, range or with: its argument, the parts it shows, and those after `else`."""

    def __init__(self, kind: str, argument: str) -> None:
        self.kind, self.argument = kind, argument
        self.body: list[_Node] = []
        self.otherwise: list[_Node] = []
        self.current = self.body


class _Code(str):
    """An action that is no block: an assignment or something to print."""


_Node = str | _Block


class _Scope:
    """The value of `.` in a block, and the variables declared there; those of outer blocks are visible, too."""

    def __init__(self, dot: object, names: dict[str, object], outer: "_Scope | None" = None) -> None:
        self.dot, self.names, self.outer = dot, names, outer

    def holder(self, name: str) -> dict[str, object]:
        """The variables of the nearest block that declares `name`, to read it or to assign to it."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names
            scope = scope.outer
        raise TemplateError(f"{name} is not declared")


def render(template: str, root: Mapping[str, object], functions: Mapping[str, Function]) -> str:
    """The template's text, with `root` as `.` and `$`. Raises `TemplateError` when it cannot be rendered."""
    return "".join(_Renderer(functions).show(_parse(template), _Scope(root, {"$": root})))


def _parse(template: str) -> list[_Node]:
    top = _Block("", "")
    stack = [top]
    position = 0
    for match in _ACTION.finditer(template):
        stack[-1].current.append(template[position : match.start()])
        position = match.end()
        body = match["body"].strip()
        if body.startswith("/*") and body.endswith("*/"):
            continue
        if block := _BLOCK.fullmatch(body):
            opened = _Block(block["kind"], block["rest"])
            stack[-1].current.append(opened)
            stack.append(opened)
        elif body == "else" and stack[-1] is not top:
            stack[-1].current = stack[-1].otherwise
        elif body == "end" and stack[-1] is not top:
            stack.pop()
        else:
            stack[-1].current.append(_Code(body))
    rest = template[position:]
    if "{{" in rest or stack[-1] is not top:
        raise TemplateError("an action or block is not closed")
    return [*top.body, rest]


class _Renderer:
    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions

    def show(self, nodes: list[_Node], scope: _Scope) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, _Block):
                yield from self.block(node, scope)
            elif not isinstance(node, _Code):
                yield node
            elif assignment := _ASSIGNMENT.fullmatch(node):
                value, name = self.evaluate(assignment["value"], scope), assignment["name"]
                (scope.names if assignment["sign"] == ":=" else scope.holder(name))[name] = value
            else:
                value = self.evaluate(node, scope)
                if isinstance(value, bool) or not isinstance(value, str | int):
                    raise TemplateError(f"{node}: only text and whole numbers are printed, found {value!r}")
                yield str(value)

    def block(self, block: _Block, scope: _Scope) -> Iterator[str]:
        if block.kind == "range":
            for dot, names in self.items(block, scope):
                yield from self.show(block.body, _Scope(dot, names, scope))
            return
        value = self.evaluate(block.argument, scope)
        dot = value if block.kind == "with" and value else scope.dot
        yield from self.show(block.body if value else block.otherwise, _Scope(dot, {}, scope))

    def items(self, block: _Block, scope: _Scope) -> Iterator[tuple[object, dict[str, object]]]:
        loop = _RANGE.fullmatch(block.argument)
        if loop is None or block.otherwise:
            raise TemplateError(f"range {block.argument}: not a range this engine knows")
        items = self.evaluate(loop["list"], scope)
        if isinstance(items, Mapping):
            pairs = [(key, items[key]) for key in sorted(items)]
        elif isinstance(items, list):
            pairs = list(enumerate(items))
        else:
            raise TemplateError(f"range {block.argument}: found {items!r}, which is no list and no mapping")
        for key, value in pairs:
            yield value, {name: item for name, item in ((loop["key"], key), (loop["value"], value)) if name}

    def evaluate(self, source: str, scope: _Scope) -> object:
        tokens = []
        position = 0
        while position < len(source.rstrip()):
            match = _TOKEN.match(source, position)
            if match is None:
                raise TemplateError(f"{source}: cannot be read at {source[position:]!r}")
            tokens.append(match["token"])
            position = match.end()
        tokens.reverse()
        value = self.pipeline(tokens, scope)
        if tokens:
            raise TemplateError(f"{source}: unexpected {tokens[-1]!r}")
        return value

    def pipeline(self, tokens: list[str], scope: _Scope) -> object:
        value = self.command(tokens, scope, ())
        while tokens and tokens[-1] == "|":
            tokens.pop()
            value = self.command(tokens, scope, (value,))
        return value

    def command(self, tokens: list[str], scope: _Scope, piped: tuple[object, ...]) -> object:
        function = None
        if tokens and re.fullmatch(r"[a-zA-Z]\w*", tokens[-1]) and tokens[-1] not in ("true", "false"):
            function = self.function(tokens.pop())
        operands: list[object] = []
        while tokens and tokens[-1] not in ("|", ")"):
            operands.append(self.operand(tokens, scope))
        if function is not None:
            try:
                return function(*operands, *piped)
            except (TypeError, AttributeError) as error:
                raise TemplateError(f"a function does not take {[*operands, *piped]!r}") from error
        if len(operands) != 1 or piped:
            raise TemplateError("expected a function and its arguments, or one value")
        return operands[0]

    def operand(self, tokens: list[str], scope: _Scope) -> object:
        token = tokens.pop()
        if token == "(":  # noqa: S105 - a parenthesis
            value = self.pipeline(tokens, scope)
            if not tokens or tokens.pop() != ")":
                raise TemplateError("a parenthesis is not closed")
            return value
        if token.startswith('"'):
            return json.loads(token)
        if token.isdigit():
            return int(token)
        if token in ("true", "false"):
            return token == "true"  # noqa: S105 - a literal
        if token[0] not in "$.":
            return self.function(token)()
        variable, *path = token.split(".")
        value = scope.holder(variable)[variable] if variable else scope.dot
        for key in filter(None, path):
            if not isinstance(value, Mapping):
                raise TemplateError(f"{token}: {value!r} has no {key}")
            value = value.get(key)
        return value

    def function(self, name: str) -> Function:
        if name not in self.functions:
            raise TemplateError(f"{name}: not a function or value this engine knows")
        return self.functions[name]
