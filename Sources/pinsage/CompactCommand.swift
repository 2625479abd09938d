import ArgumentParser
import Basics
import FrontDoor
import GraphStore

/// `pinsage compact`: what `update --append` wrote down, folded into the graph.
struct CompactCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact", abstract: "Fold the pending generations of `update --append` into a graph.",
        discussion: """
            Gives the files of that many updates, one after the other, in the time of one. The graph is replaced, and \
            its generations are gone, in one step. Checkpoints of the graph before embed the new one: \
            `pinsage embed --run RUN --graph GRAPH --update EMBEDDINGS`.
            """)

    @Argument(help: "Graph directory.")
    var graph: String

    @OptionGroup var tables: TableOptions

    @Flag(help: "Print the result as one JSON object on stdout; none where nothing was pending.")
    var json = false

    func run() throws {
        var options = GraphUpdateOptions(graph: graph)
        options.memoryBytes = tables.memory?.bytes
        options.threads = tables.threads
        let line = ProgressLine()
        guard let result = try GraphUpdate.compact(options, progress: { text in line.update("compact: \(text)") })
        else {
            return line.finish("\(graph): nothing is pending")
        }
        line.finish(UpdateCommand.text(result, graph))
        if json { try printJSON(result) }
    }
}
