"""Edit distance of trees against distances counted by hand."""

import pytest

from motionlaw.eval.trees import Tree, edit_distance, normalised_edit_distance


def tree(label, *children):
    return Tree(label, tuple(child if isinstance(child, Tree) else Tree(child) for child in children))


X = Tree("x")


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        (X, X, 0),
        (X, Tree("v"), 1),
        (tree("+", "x", "v"), tree("+", "x"), 1),
        (tree("sin", "x"), tree("sin", tree("*", "c", "x")), 2),
        (tree("f", tree("d", "a", tree("c", "b")), "e"), tree("f", tree("c", tree("d", "a", "b")), "e"), 2),
        (tree("+", "x", "v"), tree("+", "v", "x"), 2),
    ],
)
def test_distance(a, b, distance):
    """Insertions, deletions and relabellings are counted; the fifth pair is the paper's own."""
    assert edit_distance(a, b) == edit_distance(b, a) == distance


def test_the_normalised_distance_is_clipped():
    """A tree much larger than the truth is as wrong as can be, without being compared."""
    long = tree("+", *("v" for _ in range(5000)))
    assert normalised_edit_distance(long, X) == 1.0
    assert normalised_edit_distance(tree("+", "x"), tree("+", "x", "v")) == pytest.approx(1 / 3)
