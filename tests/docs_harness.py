"""For tests of documents: their fenced blocks, and the commands in these."""

import re
from dataclasses import dataclass

# A line that begins with a prompt, and those that it is continued on.
COMMAND = re.compile(r"^\$ (.*(?:(?<=\\)\n.*)*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int

    @property
    def is_program(self):
        return re.search(r"^int main\(", self.text, re.MULTILINE) is not None


def blocks_of(document):
    """In order; the text without its fences."""
    text = document.read_text()
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(m[1], m[2], text.count("\n", 0, m.start()) + 1) for m in found]


def commands_of(block):
    return COMMAND.findall(block.text) if block.language == "console" else []
