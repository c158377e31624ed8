"""Scripts of faults: from a YAML file to a plan, and whatever is wrong in it said with its file, line and remedy.

    seed: 7
    faults:
      - fault: drop
        after: placeOrder
        nth: 2

``docs/faults.md`` lists the faults and their words.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import yaml

from bursar.errors import InputError
from bursar.gateway.faults.fault import Fault
from bursar.gateway.faults.plans import Plan, kind_named, value_of

#: A script is written by hand; what is longer than this is something else.
SCRIPT_BYTES_MAX = 1 << 20
WORDS = ("seed", "faults")


def read(path: Path) -> Plan:
    """The plan that a script holds. Raises InputError, in one line with file, line and remedy."""
    try:
        if path.stat().st_size > SCRIPT_BYTES_MAX:
            raise InputError(f"{path} is larger than a script of faults can be ({SCRIPT_BYTES_MAX} bytes)")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read: {error}; give a script of faults as docs/faults.md shows it"
        ) from error
    return _Reader(path).plan(text)


class _Reader:
    """Reads one file, and knows where it is in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def plan(self, text: str) -> Plan:
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise InputError(f"{self._path}, line {line}: not YAML: {error.problem}") from error
        except yaml.YAMLError as error:
            raise InputError(f"{self._path}: not YAML: {' '.join(str(error).split())}") from error
        if root is None:
            return Plan()
        seed, faults = 0, []
        for word, node in self._words(root, "a script is a list of words"):
            match word.value:
                case "seed":
                    seed = self._seed(node)
                case "faults":
                    faults = [self._fault(each) for each in self._items(node)]
                case other:
                    self._fail(word, f"no word {other!r}; the words of a script are {' and '.join(WORDS)}")
        return Plan(seed=seed, faults=tuple(faults))

    def _fault(self, node: yaml.Node) -> Fault:
        said = dict(self._pairs(node, "a fault is a list of words, the first of them fault: and its name"))
        named = next((word for word in said if word.value == "fault"), None)
        if named is None:
            self._fail(node, "no name; begin with fault: and one of the names in docs/faults.md")
        name = self._value(said[named])
        try:
            kind = kind_named(name)
        except InputError as error:
            self._fail(named, str(error), error)
        words = {}
        for word, value in said.items():
            if word is named:
                continue
            meant = self._value(value)
            try:
                words[word.value] = value_of(kind, word.value, meant)
            except InputError as error:
                self._fail(word, str(error), error)
        try:
            return kind(**words)
        except InputError as error:
            self._fail(node, str(error), error)

    def _seed(self, node: yaml.Node) -> int:
        seed = self._value(node)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            self._fail(node, f"seed is {seed!r}; give a whole number from 0 on")
        return seed

    def _words(self, node: yaml.Node, remedy: str) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        yield from self._pairs(node, remedy)

    def _pairs(self, node: yaml.Node, remedy: str) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """Words and what they say; each word once."""
        if not isinstance(node, yaml.MappingNode):
            self._fail(node, remedy)
        seen = set()
        for word, value in node.value:
            if not isinstance(word, yaml.ScalarNode):
                self._fail(word, "a word was expected")
            if word.value in seen:
                self._fail(word, f"{word.value} is said twice; leave one of them out")
            seen.add(word.value)
            yield word, value

    def _items(self, node: yaml.Node) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self._fail(node, "faults is a list; begin each fault with a dash")
        items: list[yaml.Node] = node.value
        return items

    def _value(self, node: yaml.Node) -> object:
        """What one value says, as YAML reads it."""
        if not isinstance(node, yaml.ScalarNode):
            self._fail(node, "one value was expected here, not a list")
        if node.tag == "tag:yaml.org,2002:timestamp" or node.tag == "tag:yaml.org,2002:str":
            return node.value
        return yaml.safe_load(node.value)

    def _fail(self, node: yaml.Node, what: str, cause: Exception | None = None) -> NoReturn:
        raise InputError(f"{self._path}, line {node.start_mark.line + 1}: {what}") from cause
