import ArgumentParser
import Basics
import FrontDoor
import GraphStore

/// `pinsage layout`: the rows of a graph in the form that walks read fastest, for a folder without them.
struct LayoutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "layout",
        abstract: "Make a graph's walk layout, where it is missing or not of this graph.",
        discussion: """
            `import`, `generate` and `update` make it by themselves. It changes neither the graph's fingerprint nor one \
            bit of a walk: without it walks are slower. The graph is checked as `inspect` does before.
            """)

    @Argument(help: ArgumentHelp("The graph folder.", valueName: "graph"))
    var graph: String

    func run() throws {
        let graph = try BipartiteGraph(directory: graph, usesLayout: false)
        let line = ProgressLine()
        try graph.verify { text in line.update("checking \(text)") }
        line.update("writing \(graph.edgeCount) edges in both directions")
        try WalkLayout.write(for: graph)
        line.finish("\(graph.directory)/\(WalkLayout.fileName): made")
    }
}
