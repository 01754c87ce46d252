"""Reads a script of PowerShell from standard input: exit code 1 and the places where the grammar does not hold it for one."""

import sys

import tree_sitter
import tree_sitter_powershell

language = tree_sitter.Language(tree_sitter_powershell.language())
text = sys.stdin.buffer.read()
tree = tree_sitter.Parser(language).parse(text)


def wrong(node):
    if node.is_error or node.is_missing:
        yield node
    for child in node.children:
        yield from wrong(child)


lines = text.decode().splitlines()
found = sorted({node.start_point[0] for node in wrong(tree.root_node)})
for line in found:
    print(f"line {line + 1}: {lines[line] if line < len(lines) else 'the end'}")
sys.exit(1 if found or not lines else 0)
