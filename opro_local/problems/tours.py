"""Tours through all points by methods that need no language model, from (n, n) distances.

A tour names the points in order, beginning with 0.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Distances = NDArray[np.float64]
Tour = tuple[int, ...]


def nearest_neighbour(distances: Distances) -> Tour:
    """Always on to the nearest point that is left."""
    tour, left = [0], set(range(1, len(distances)))
    while left:
        here = tour[-1]
        tour.append(min(left, key=lambda point: (distances[here, point], point)))
        left.remove(tour[-1])
    return tuple(tour)


def farthest_insertion(distances: Distances) -> Tour:
    """The point whose cheapest insertion costs most is inserted there, until none is left."""
    tour, left = [0], set(range(1, len(distances)))
    while left:
        places = {point: _cheapest(distances, tour, point) for point in left}
        point = max(left, key=lambda p: (places[p][0], -p))
        tour.insert(places[point][1], point)
        left.remove(point)
    return tuple(tour)


def _cheapest(distances: Distances, tour: list[int], point: int) -> tuple[float, int]:
    """What it costs at least to insert the point, and the place; never before point 0."""
    around = zip(tour, [*tour[1:], tour[0]], strict=True)
    costs = [distances[a, point] + distances[point, b] - distances[a, b] for a, b in around]
    place = int(np.argmin(costs))
    return float(costs[place]), place + 1


def shortest_tour(distances: Distances) -> Tour:
    """A shortest tour: the cheapest edges of which each point has two, until they form one ring.

    Every ring that leaves points out is forbidden and the mixed-integer program solved anew (Dantzig,
    Fulkerson and Johnson 1954).
    """
    n = len(distances)
    ends = np.triu_indices(n, 1)
    costs = distances[ends]
    degrees = np.zeros((n, len(costs)))
    degrees[ends, np.arange(len(costs))] = 1
    constraints = [LinearConstraint(degrees, 2, 2)]
    while True:
        found = milp(
            costs,
            integrality=np.ones_like(costs),
            bounds=Bounds(0, 1),
            constraints=constraints,
            options={"mip_rel_gap": 0},
        )
        chosen = found.x > 0.5
        edges = coo_array((np.ones(chosen.sum()), (ends[0][chosen], ends[1][chosen])), shape=(n, n))
        rings, ring_of = connected_components(edges, directed=False)
        if rings == 1:
            return _in_order(edges)
        for ring in range(rings):
            inside = ring_of == ring
            within = (inside[ends[0]] & inside[ends[1]]).astype(float)
            constraints.append(LinearConstraint(within, -np.inf, inside.sum() - 1))


def _in_order(edges: coo_array) -> Tour:
    """The points of one ring of edges, from 0 on."""
    neighbours: list[list[int]] = [[] for _ in range(edges.shape[0])]
    for a, b in zip(*edges.coords, strict=True):
        neighbours[a].append(int(b))
        neighbours[b].append(int(a))
    tour = [0]
    while len(tour) < len(neighbours):
        first, second = neighbours[tour[-1]]
        tour.append(second if first in tour[-2:] else first)
    return tuple(tour)
