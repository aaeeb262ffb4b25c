"""Trees of formulas and the edit distance between them.

Source: Zhang & Shasha (1989), "Simple fast algorithms for the editing distance between trees"; constants count as one
label, as in Matsubara et al. (2022, arXiv 2206.10540).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tree:
    """A label with ordered children.

    Example:
        >>> str(Tree("+", (Tree("x"), Tree("c"))))
        '+(x, c)'
    """

    label: str
    children: tuple[Tree, ...] = ()

    def __str__(self) -> str:
        inside = ", ".join(map(str, self.children))
        return f"{self.label}({inside})" if self.children else self.label

    def nodes(self) -> Iterator[Tree]:
        """All nodes, children before their parent, from the left."""
        for child in self.children:
            yield from child.nodes()
        yield self

    @property
    def size(self) -> int:
        """Number of nodes."""
        return 1 + sum(child.size for child in self.children)


def _leftmost(tree: Tree) -> list[int]:
    """For each node in postorder, the index of the leftmost leaf below it."""
    result: list[int] = []

    def visit(node: Tree) -> int:
        first = -1
        for k, child in enumerate(node.children):
            leaf = visit(child)
            first = leaf if k == 0 else first
        result.append(first if node.children else len(result))
        return result[-1]

    visit(tree)
    return result


def edit_distance(a: Tree, b: Tree) -> int:
    """Least number of nodes to insert, delete or relabel that turn one tree into the other.

    Example:
        >>> x = Tree("x")
        >>> edit_distance(Tree("sin", (x,)), Tree("cos", (x,))), edit_distance(x, Tree("sin", (x,)))
        (1, 1)
    """
    labels_a, labels_b = ([node.label for node in tree.nodes()] for tree in (a, b))
    left_a, left_b = _leftmost(a), _leftmost(b)
    # A key root is the last node that has a given leftmost leaf.
    roots_a, roots_b = (sorted({leaf: k for k, leaf in enumerate(left)}.values()) for left in (left_a, left_b))
    distance = np.zeros((len(labels_a), len(labels_b)), dtype=int)
    for i in roots_a:
        for j in roots_b:
            _fill(distance, i, j, labels_a, labels_b, left_a, left_b)
    return int(distance[-1, -1])


def _fill(
    distance: np.ndarray, i: int, j: int, labels_a: list[str], labels_b: list[str], left_a: list[int], left_b: list[int]
) -> None:
    """Distances of all subtrees under a pair of key roots, by the forests to the left of each node."""
    first_a, first_b = left_a[i], left_b[j]
    rows, columns = i - first_a + 2, j - first_b + 2
    forest = [[0] * columns for _ in range(rows)]
    for m in range(1, rows):
        forest[m][0] = m
    forest[0] = list(range(columns))
    for m in range(1, rows):
        for n in range(1, columns):
            p, q = first_a + m - 1, first_b + n - 1
            cheapest = min(forest[m - 1][n], forest[m][n - 1]) + 1
            if left_a[p] == first_a and left_b[q] == first_b:
                forest[m][n] = min(cheapest, forest[m - 1][n - 1] + (labels_a[p] != labels_b[q]))
                distance[p, q] = forest[m][n]
            else:
                forest[m][n] = min(cheapest, forest[left_a[p] - first_a][left_b[q] - first_b] + int(distance[p, q]))


def normalised_edit_distance(found: Tree, truth: Tree) -> float:
    """Edit distance over the size of the true tree, at most 1.

    Example:
        >>> x = Tree("x")
        >>> normalised_edit_distance(Tree("sin", (x,)), Tree("cos", (x,)))
        0.5
    """
    # The distance is at least the difference of the sizes: long garbage is 1 without being compared.
    if found.size >= 2 * truth.size:
        return 1.0
    return min(1.0, edit_distance(found, truth) / truth.size)
