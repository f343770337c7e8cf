"""Prints what the package `fastpar` offers, as JSON: names, declarations as they stand in the sources, docstrings.

    python3.14 python_api.py bindings/python/fastpar

Nothing is imported, so any Python that can parse the package will do. The exported names are those of `__all__`; each is looked for in
the module that it is imported from. A name stands on the page of the module that has it.
"""

import ast
import json
import sys
from pathlib import Path


class Module:
    """A source file."""

    def __init__(self, path: Path) -> None:
        self.path, self.text = path, path.read_text(encoding="utf-8")
        self.lines = self.text.splitlines()
        self.tree = ast.parse(self.text)

    def doc(self) -> str:
        return ast.get_docstring(self.tree) or ""

    def exported(self) -> list[str]:
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
                return [element.value for element in node.value.elts if isinstance(element, ast.Constant)]
        raise SystemExit(f"{self.path} has no __all__")

    def imported(self) -> dict[str, str]:
        """Names, and the modules of the package that they come from."""
        found = {}
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
                found |= {alias.asname or alias.name: node.module for alias in node.names}
        return found

    def declaration(self, node: ast.stmt) -> str:
        """As it is written, up to its body."""
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        body = getattr(node, "body", None)
        if body is None:
            text = self.lines[first - 1 : node.end_lineno]
        else:
            # The body of an overload may stand on the line of its head.
            text = self.lines[first - 1 : max(body[0].lineno - 1, first)]
            while text and not text[-1].strip():
                text.pop()
        indent = len(text[0]) - len(text[0].lstrip())
        return "\n".join(line[indent:] for line in text)


def comment_before(module: Module, node: ast.stmt) -> str:
    """The `#:` lines above a value."""
    found, at = [], node.lineno - 2
    while at >= 0 and module.lines[at].strip().startswith("#:"):
        found.insert(0, module.lines[at].strip()[2:].strip())
        at -= 1
    return "\n".join(found)


def entry(module: Module, node: ast.stmt, name: str) -> dict:
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.TypeAlias)):
        return {"name": name, "declaration": module.declaration(node), "doc": comment_before(module, node), "members": []}
    members = []
    if isinstance(node, ast.ClassDef):
        for child in node.body:
            own = names(child)
            public = own and (own == "__init__" or not own.startswith("_"))
            if public and not (own == "__init__" and not ast.get_docstring(child) and not child.args.args[1:]):
                members.append(entry(module, child, own))
    return {
        "name": name,
        "declaration": module.declaration(node),
        "doc": ast.get_docstring(node) or "",
        "members": members,
    }


def names(node: ast.stmt) -> str | None:
    """What a statement gives a value to."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)) | ast.TypeAlias(name=ast.Name(id=name)):
            return name
    return None


def pages(folder: Path, package: str) -> list[dict]:
    top = Module(folder / "__init__.py")
    origins, made = top.imported(), {}
    made[package] = {"page": package, "doc": top.doc(), "entries": []}
    for name in top.exported():
        if name.startswith("__") or (folder / name).is_dir():
            continue
        origin = origins.get(name)
        path = folder / f"{origin}.py" if origin else folder / "__init__.py"
        if not path.exists():
            continue  # of another package, such as compression.zstd's own
        module = Module(path)
        found = [node for node in module.tree.body if names(node) == name]
        if not found:
            continue
        place = f"{package}.{origin}" if origin else package
        page = made.setdefault(place, {"page": place, "doc": module.doc(), "entries": []})
        page["entries"] += [entry(module, node, name) for node in found]
    return list(made.values())


def main() -> None:
    folder = Path(sys.argv[1])
    json.dump(pages(folder, "fastpar") + pages(folder / "zstd", "fastpar.zstd"), sys.stdout)


if __name__ == "__main__":
    main()
