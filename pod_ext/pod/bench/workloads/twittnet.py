"""A graph of retweets in NetworkX, with the file of the Higgs Twitter data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pod.bench.workloads.base import Source, Workload, cells_of

FILE = "higgs-retweet_network.edgelist"


def retweets(path: Path, users: int, edges: int, seed: int) -> None:
    """Write edges between so many users: a few are retweeted much, most never."""
    rng = np.random.default_rng(seed)
    fame = rng.pareto(1.2, users) + 0.05
    fame /= fame.sum()
    who = rng.integers(0, users, edges) + 1
    whom = rng.choice(users, size=edges, p=fame) + 1
    weight = rng.geometric(0.8, edges)
    with path.open("w") as file:
        for a, b, count in zip(who, whom, weight, strict=True):
            if a != b:
                file.write(f"{a} {b} {count}\n")


NOTEBOOK = """
# %%
from collections import Counter
import networkx as nx
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
# %%
edges = pd.read_csv(<<path>>, sep=" ", names=["who", "whom", "weight"], nrows=<<edges>>)
edges.head()
# %%
edges.describe()
# %%
G = nx.from_pandas_edgelist(edges, "who", "whom", "weight", create_using=nx.DiGraph)
# %%
G.number_of_nodes(), G.number_of_edges()
# %%
nx.density(G)
# %%
in_degree = dict(G.in_degree())
out_degree = dict(G.out_degree())
# %%
top = sorted(in_degree, key=in_degree.get, reverse=True)[:20]
[(user, in_degree[user]) for user in top]
# %%
histogram = Counter(in_degree.values())
fig, ax = plt.subplots()
ax.loglog(*zip(*sorted(histogram.items())), "o")
plt.close(fig)
# %%
nx.set_node_attributes(G, in_degree, "retweeted")
# %%
weak = [len(c) for c in nx.weakly_connected_components(G)]
len(weak), max(weak)
# %%
giant = G.subgraph(max(nx.weakly_connected_components(G), key=len)).copy()
giant.number_of_nodes()
# %%
strong = sorted((len(c) for c in nx.strongly_connected_components(G)), reverse=True)
strong[:5]
# %%
rank = nx.pagerank(giant, max_iter=50)
# %%
sorted(rank, key=rank.get, reverse=True)[:10]
# %%
nx.set_node_attributes(giant, rank, "rank")
# %%
hubs, authorities = nx.hits(giant, max_iter=200, tol=1e-4)
# %%
pd.DataFrame({"rank": rank, "hub": hubs, "authority": authorities}).corr()
# %%
U = giant.to_undirected()
# %%
core = nx.core_number(U)
max(core.values())
# %%
Counter(core.values()).most_common(10)
# %%
dense = U.subgraph([user for user, k in core.items() if k >= 3]).copy()
dense.number_of_nodes(), dense.number_of_edges()
# %%
clustering = nx.clustering(dense)
np.mean(list(clustering.values()))
# %%
triangles = sum(nx.triangles(dense).values()) // 3
triangles
# %%
G.remove_edges_from([(a, b) for a, b, w in G.edges(data="weight") if w == 1 and a % 10 == 0])
G.number_of_edges()
# %%
lonely = [user for user, degree in G.degree() if degree == 0]
G.remove_nodes_from(lonely)
len(lonely)
# %%
sample = dense.subgraph(sorted(dense)[:150])
centrality = nx.betweenness_centrality(sample)
# %%
closeness = nx.closeness_centrality(sample)
# %%
communities = list(nx.community.label_propagation_communities(dense))
sorted(map(len, communities), reverse=True)[:10]
# %%
label = {user: n for n, community in enumerate(communities) for user in community}
nx.set_node_attributes(dense, label, "community")
# %%
layout = nx.spring_layout(sample, seed=<<seed>>, iterations=20)
fig, ax = plt.subplots()
nx.draw_networkx_nodes(sample, layout, node_size=5, ax=ax)
plt.close(fig)
# %%
table = pd.DataFrame({"in": in_degree, "out": out_degree}).fillna(0)
table["ratio"] = table["in"] / (table["out"] + 1)
table.nlargest(10, "ratio")
# %%
reciprocal = nx.overall_reciprocity(giant)
print(reciprocal, nx.degree_assortativity_coefficient(giant))
"""


def twittnet(source: Source, *, edges: int = 0) -> Workload:
    """A graph is made of edges, pruned, and described: components, ranks, cores, communities."""
    edges = edges or source.pick(600, 20_000, 330_000)
    users = max(50, int(edges * 0.7))
    path = source.made(FILE, lambda path: retweets(path, users, edges, source.seed))
    return Workload(cells_of(NOTEBOOK, path=path, edges=edges, seed=source.seed))
