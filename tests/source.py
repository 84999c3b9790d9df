"""What the source of the house says: who imports whom, which SQL stands where. For test_architecture.py."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent / "mediaserver"
WRITES = re.compile(r"\b(?:INSERT (?:OR \w+ )?INTO|REPLACE INTO|UPDATE(?! SET)|DELETE FROM)\s+(\w+)", re.I)
_TABLE = r"\w+(?:\s+(?:AS\s+)?(?!JOIN\b)\w+)?"
READS = re.compile(rf"\b(?:FROM|JOIN)\s+({_TABLE}(?:\s*,\s*{_TABLE})*)", re.I)
LOOKS_LIKE_SQL = re.compile(r"\b(?:SELECT\b.+\bFROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|(?-i:JOIN))\b", re.I | re.S)


def room_of(parts: tuple[str, ...] | list[str]) -> str:
    return ".".join(parts[:2]) if parts[0] == "http" else parts[0]


def room_at(path: Path) -> str:
    """Of a file; app.py and its like are rooms of their own here."""
    return room_of(path.relative_to(ROOT).with_suffix("").parts)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every dotted name that a file imports, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, node.lineno


def skips(path: Path) -> Iterator[tuple[str, int]]:
    """How the reason of every skip of tests begins, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and re.fullmatch(r"(pytest\.)?(mark\.)?skip(if)?", ast.unparse(node.func)):
            named = [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
            reason = ast.unparse((named or node.args or [ast.Constant("")])[0])
            yield reason.lstrip("f").strip("\"'"), node.lineno


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file, also within classes and others, and how many lines it has with its decorators."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min(one.lineno for one in (node, *node.decorator_list))
            yield node.name, (node.end_lineno or first) - first + 1


def imported_rooms(path: Path) -> Iterator[tuple[str, int]]:
    for name, line in imports(path):
        head, *parts = name.split(".")
        if head == "mediaserver" and parts and parts != ["__version__"]:
            yield room_of(parts), line


def foreign_packages(path: Path) -> Iterator[tuple[str, int]]:
    for name, line in imports(path):
        head = name.partition(".")[0]
        if head != "mediaserver" and head not in sys.stdlib_module_names:
            yield head, line


def possible_values(tree: ast.AST, name: str) -> set[str]:
    """The strings that a module ever gives to a name: by assignment, in a loop, or in a call of its own function."""
    given: list[ast.AST] = []
    places = {
        (node.name, place)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for place, argument in enumerate(node.args.args)
        if argument.arg == name
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets):
            given.append(node.value)
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            if isinstance(node.target, ast.Name) and node.target.id == name:
                given += getattr(node.iter, "elts", [])
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            given += [node.args[place] for of, place in places if of == called and place < len(node.args)]
            given += [word.value for word in node.keywords if word.arg == name and called in {of for of, _ in places}]
    return {one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def sql_strings(path: Path) -> Iterator[tuple[str, int]]:
    """Every string that holds SQL. What an f-string puts in is put in here, once for each string that it may be;
    where that cannot be seen, UNKNOWN stands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    within = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in within:
            texts = [node.value]
        elif isinstance(node, ast.JoinedStr):
            texts = [""]
            for part in node.values:
                if isinstance(part, ast.Constant):
                    values = {str(part.value)}
                else:
                    inner = getattr(part, "value", None)
                    values = possible_values(tree, inner.id) if isinstance(inner, ast.Name) else set()
                texts = [text + value for text in texts for value in sorted(values or {"UNKNOWN"})]
        else:
            continue
        for text in texts:
            if LOOKS_LIKE_SQL.search(text) or WRITES.search(text):
                yield text, node.lineno


def tables_read(text: str) -> Iterator[str]:
    for listed in READS.findall(text):
        for one in listed.split(","):
            yield one.split()[0]


def names_of_packages(tree: ast.AST, packages: set[str]) -> set[str]:
    """How a module calls these packages and what it takes from them."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                (a.asname or a.name).partition(".")[0] for a in node.names if a.name.partition(".")[0] in packages
            }
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in packages:
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def leaking(path: Path, packages: set[str]) -> set[str]:
    """Functions, classes and types of a module that name a type of one of these packages."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    foreign = names_of_packages(tree, packages)

    def names_it(annotation: ast.AST | None) -> bool:
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value)
        return annotation is not None and any(
            isinstance(part, ast.Name) and part.id in foreign for part in ast.walk(annotation)
        )

    def leaks(node: ast.AST) -> bool:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
            return names_it(node.returns) or any(names_it(one.annotation) for one in every if one)
        if isinstance(node, ast.ClassDef):
            inner = [one for one in node.body if not getattr(one, "name", "").startswith("_")]
            return any(map(names_it, node.bases)) or any(map(leaks, inner))
        return isinstance(node, ast.AnnAssign) and names_it(node.annotation)

    found = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and leaks(node)
    }
    for node in tree.body:  # `Container = av.container.InputContainer` gives the type another name
        if (
            isinstance(node, ast.Assign)
            and not isinstance(node.value, ast.Call | ast.Constant)
            and names_it(node.value)
        ):
            found |= {to.id for to in node.targets if isinstance(to, ast.Name)}
    return found


def taken(path: Path) -> Iterator[tuple[str, int]]:
    """`module.name` of everything that a file takes from modules of the house."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield f"{node.module}.{alias.name}", node.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
            yield f"{known[node.value.id]}.{node.attr}", node.lineno


def module_name(path: Path, root: Path = ROOT) -> str:
    return ".".join(("mediaserver", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")


def modules_imported(path: Path, known: set[str], importer: str = "") -> set[str]:
    """Modules of the house that run when a file is imported, lazily and for typing too: also the packages around."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & known
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & known
            found |= inner
            if node.module in known and len(inner) < len(node.names):
                found.add(node.module)
    for name in list(found):
        while (name := name.rpartition(".")[0]) and not f"{importer}.".startswith(f"{name}."):
            found |= {name} & known
    return found


def circle_of(paths: Iterable[Path], root: Path) -> list[str]:
    """The modules of a circle, or none."""
    modules = {path: module_name(path, root) for path in paths}
    known = set(modules.values())
    graph = {name: modules_imported(path, known, name) - {name} for path, name in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
