import Basics
import GraphStore

/// Opens the graph that a command reads, and says in one line what is not in it yet.
func openGraph(_ directory: String) throws -> BipartiteGraph {
    let graph = try BipartiteGraph(directory: directory)
    try notePending(in: graph)
    return graph
}

/// Says in one line on standard error which generations of a graph wait for `pinsage compact`, if any do.
func notePending(in graph: BipartiteGraph) throws {
    if let notice = try PendingGenerations(of: graph).notice { writeToStandardError(notice) }
}
