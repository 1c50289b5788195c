"""Write the JSON Schemas of the files below `aws/`, for editors: `make schemas`.

They are made of the models and the registered folders. What a schema says of a key is what the
tables of the documentation say: a key without a row is an error.

A value is the text that is written, and editors read YAML 1.2, which takes some texts for numbers
or booleans. So a schema accepts these where a text is read, and whatever validation accepts; it
refuses less than validation does.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "aws" / "scripts"))

from iam_access import kinds  # noqa: E402
from iam_access.config import access_tests, accounts, settings  # noqa: E402
from iam_access.kinds import templates  # noqa: E402
from iam_access.kinds.base import Folder, TemplatedSpec  # noqa: E402

FOLDER: Final = ROOT / "aws" / "schemas"
#: The page and heading of the documentation of what is in no team's folder of grants.
_PAGE: Final = "docs/files.md"
_TESTS: Final = ("docs/access-tests.md", "## The files")
_DIALECT: Final = "http://json-schema.org/draft-07/schema#"

# How a table of the documentation says which keys it is about, by the key that these are below.
_TABLES: Final = {
    "custom_statements": "key of a statement",
    "trust": "key of a trust entry",
    "switch_from": "key of `switch_from`",
    "statements": "key of a statement",
    "principals": "key of a principal",
    "tests": "key of a test",
    "temporary_access": "key of `temporary_access`",
    "approvals": "key of `approvals`",
    "owners": "key of `owners`",
}
_SELECTION: Final = "matches"

Schema = dict[str, Any]


class UndescribedError(Exception):
    """A key has no row in the documentation, or a type does not tell how it is written."""


class _Written(GenerateJsonSchema):
    """The schema of what a file may have, where pydantic makes that of what a model holds."""

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        return {**super().str_schema(schema), "type": ["string", "number", "boolean"]}

    def chain_schema(self, schema: core_schema.ChainSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["steps"][-1])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Among the types where that is possible: editors explain alternatives badly."""
        inner = self.generate_inner(schema["schema"])
        if "enum" in inner:
            return {"enum": [*inner["enum"], None]}
        if "type" not in inner:
            return super().nullable_schema(schema)
        types = inner["type"]
        return {**inner, "type": [*(types if isinstance(types, list) else [types]), "null"]}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """A key that does not fit is wrong, where pydantic lets it have any value."""
        found = super().dict_schema(schema)
        for pattern, values in found.pop("patternProperties", {}).items():
            found["propertyNames"] = {**found.get("propertyNames", {}), "pattern": pattern}
            found["additionalProperties"] = values
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """What a validator makes of nothing, and of a text alone, is accepted, too."""
        inner = self.generate_inner(schema["schema"])
        convert: Any = schema["function"]["function"]
        accepted = [inner]
        if _converted(convert, "x") in (["x"], {"grants": ["x"]}):
            accepted.append(_items(inner) or {"type": ["string", "number", "boolean"]})
        if _converted(convert, "*") == {"iam": "*"}:
            accepted.append({"type": "string", "pattern": r"^(\*|arn:.*)$"})
        if _converted(convert, None) in ([], {}):
            accepted.append({"type": "null"})
        return inner if len(accepted) == 1 else {"anyOf": accepted}

    def _unsaid(self, schema: Any) -> JsonSchemaValue:
        raise UndescribedError(f"{schema['type']}: say with WithJsonSchema how it is written")

    bool_schema = int_schema = float_schema = _unsaid
    date_schema = datetime_schema = timedelta_schema = _unsaid


def _converted(convert: Any, value: Any) -> Any:
    try:
        return convert(value)
    except PydanticCustomError:
        return None


def _items(schema: Schema) -> Schema | None:
    """The items of a list, which may be within other alternatives."""
    for each in (schema, *schema.get("anyOf", ())):
        if "items" in each:
            items: Schema = each["items"]
            return items
    return None


def _of(model: type[BaseModel]) -> Schema:
    """The schema of a model, without references."""
    found = model.model_json_schema(schema_generator=_Written, ref_template="{model}")
    expanded: Schema = _expanded(found, found.pop("$defs", {}))
    return expanded


def _expanded(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_expanded(each, definitions) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _expanded(definitions[value["$ref"]], definitions)
    names = value.get("properties", {})
    return {
        key: (
            {name: _expanded(each, definitions) for name, each in names.items()}
            if key == "properties"
            else _expanded(each, definitions)
        )
        for key, each in value.items()
        if key not in ("title", "description")
    }


class Words:
    """What the tables below a heading of a page say of keys."""

    def __init__(self, page: str, heading: str) -> None:
        self._about = f"{page}, {heading}"
        text = (ROOT / page).read_text("utf-8")
        section = re.split(r"^## ", text.partition(f"{heading}\n")[2], flags=re.MULTILINE)[0]
        self._tables = dict(_tables(section))

    def describe(self, schema: Schema, path: tuple[str, ...] = (), above: str = "") -> None:
        """Add the words for each property of a schema, those below it included."""
        for name, each in schema.get("properties", {}).items():
            words = self._words(name, path) or above
            if not words:
                raise UndescribedError(f"{self._about}: no table has a row for `{name}`")
            self.describe(each, (*path, name), words)
            each["description"] = words
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                self.describe(schema[key], path, above)
        for each in schema.get("anyOf", ()):
            self.describe(each, path, above)

    def _words(self, name: str, path: tuple[str, ...]) -> str | None:
        below = next((_TABLES[each] for each in reversed(path) if each in _TABLES), None)
        heads = [below] if below else [*self._tables][:1] if not path else []
        for head in (*heads, *(_SELECTION for _ in path[:1])):
            if name in self._tables.get(head, {}):
                text, default = self._tables[head][name]
                is_own = not path or path[-1] in _TABLES
                return f"{text} (default: {default})" if default and is_own else text
        return None


def _tables(section: str) -> Iterator[tuple[str, dict[str, tuple[str, str]]]]:
    """The tables of a section: the head of the keys (or of their meaning), and the rows by key."""
    for block in re.findall(r"(?:^\|.*\n)+", section, flags=re.MULTILINE):
        head, _, *rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in block.splitlines()]
        name = head[-1].strip() if head[-1].strip() == _SELECTION else head[0].strip()
        yield name, {key: _text(row) for row in rows for key in re.findall(r"`(\w+)`", row[0])}


def _text(row: list[str]) -> tuple[str, str]:
    """The meaning in a row, as plain text, and the default ("" for none)."""
    default = row[1].strip() if len(row) > 2 else ""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", row[-1].strip()).replace("\\|", "|")
    return text.removesuffix(", see below"), default if default.startswith("`") else ""


def of_folder(folder: Folder) -> Schema:
    """The schema of a team's file in a folder."""
    entry = _of(folder.spec)
    heading = f"## `{folder.folder}/<team>.yaml`"
    Words(_page_with(heading), heading).describe(entry)
    file = _file(folder.folder, entry, folder.keys)
    if issubclass(folder.spec, TemplatedSpec):
        file["properties"][templates.KEY] = {
            "type": ["object", "null"],
            "description": "What entries take that name it with use, by name",
        }
    return file


def _page_with(heading: str) -> str:
    """The page of the documentation that has a heading; the page of all files if none has."""
    pages = sorted((ROOT / "docs").glob("*.md"))
    found = (page for page in pages if f"{heading}\n" in page.read_text("utf-8"))
    return next((f"docs/{page.name}" for page in found), _PAGE)


def _file(name: str, entry: Schema, keys: TypeAdapter[str] | None) -> Schema:
    inner: Schema = {"type": ["array", "null"], "items": entry}
    if keys is not None:
        pattern = keys.json_schema(schema_generator=_Written)["pattern"]
        inner = {
            "type": ["object", "null"],
            "propertyNames": {"pattern": pattern},
            "additionalProperties": entry,
        }
    return {
        "$schema": _DIALECT,
        "type": "object",
        "properties": {name: inner},
        "required": [name],
        "additionalProperties": False,
    }


def _accounts() -> Schema:
    spec = _of(accounts.AccountSpec)
    Words(_PAGE, f"## `{accounts.FOLDER}/<team>.yaml`").describe(spec)
    entry = {"anyOf": [dict(spec["properties"]["id"]), spec]}
    file = _file(accounts.FOLDER, entry, accounts.ENVIRONMENT)
    tags = _of(accounts.TeamTags)
    Words(_PAGE, "### Tags").describe(tags)
    file["properties"] |= tags["properties"]
    return file


def _settings() -> Schema:
    found = _of(settings.Settings)
    Words(_PAGE, "## `settings.yaml`").describe(found)
    return {"$schema": _DIALECT, **found, "type": ["object", "null"]}


def _access_tests() -> Schema:
    """Unknown keys do nothing there; the key of the folder may stand around all, or the tests."""
    file = _open(_of(access_tests.AccessTests))
    Words(*_TESTS).describe(file)
    here = "#/definitions/file"
    inner = [{"$ref": here}, {"$ref": f"{here}/properties/tests"}, {"type": "null"}]
    wrapped = {
        "properties": {access_tests.FOLDER: {"anyOf": inner}},
        "required": [access_tests.FOLDER],
        "additionalProperties": False,
    }
    return {
        "$schema": _DIALECT,
        "type": "object",
        "anyOf": [{"$ref": here}, wrapped],
        "definitions": {"file": file},
    }


def _open(value: Any) -> Any:
    """A schema that lets further keys be."""
    if isinstance(value, list):
        return [_open(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {k: v for k, v in value.items() if (k, v) != ("additionalProperties", False)}
    return {key: _open(each) for key, each in kept.items()}


def schemas() -> dict[str, str]:
    """The text of each schema, by the name of its file."""
    found = {
        accounts.FOLDER: _accounts(),
        **{each.folder: of_folder(each) for each in kinds.FOLDERS},
        access_tests.FOLDER: _access_tests(),
        Path(settings.FILE).stem: _settings(),
    }
    return {
        f"{name}.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in found.items()
    }


def main() -> int:
    """Write the schemas, and remove those of what is no more; return the exit status."""
    FOLDER.mkdir(exist_ok=True)
    written = schemas()
    for path in FOLDER.glob("*.schema.json"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, "utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
