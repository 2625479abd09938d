import ArgumentParser
import Basics
import FrontDoor
import GraphStore

/// `pinsage update`: more pins, boards and edges for a graph, or fewer pins.
struct UpdateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Add edges and pins to a graph, or take pins away with all their edges.",
        discussion: """
            Writes the graph that an import of the old edges and then the new ones would give: old pins keep their \
            numbers, new ones follow; those after a removed pin move up. The graph is replaced in one step. Checkpoints \
            of the graph before embed the new one: `pinsage embed --run RUN --graph GRAPH --update EMBEDDINGS`.
            """)

    @Argument(help: "Graph directory.")
    var graph: String

    @Option(
        help: "Edges to add: lines of pin TAB board; plain, .gz or .zst; - is standard input. Unknown boards are new.")
    var edges: String?

    @Option(help: "New pins, one id a line. (default: the unknown pins of --edges, by first appearance)")
    var pins: String?

    @Option(help: "Content of the new pins: .npy, one row each.")
    var features: String?

    @Option(help: "Pins to take away, one id a line.")
    var remove: String?

    @Option(help: "Write another graph directory, and leave this one as it is.")
    var out: String?

    @OptionGroup var tables: TableOptions

    @Flag(help: "Print the result as one JSON object on stdout.")
    var json = false

    func validate() throws {
        guard edges != nil || pins != nil || remove != nil else {
            throw ValidationError("expected --edges, --pins or --remove")
        }
    }

    func run() throws {
        var options = GraphUpdateOptions(graph: graph)
        options.edges = edges
        options.pins = pins
        options.features = features
        options.remove = remove
        options.output = out
        options.memoryBytes = tables.memory?.bytes
        options.threads = tables.threads
        let line = ProgressLine()
        let result = try GraphUpdate.run(options) { text in line.update("update: \(text)") }
        line.finish(
            "\(out ?? graph): \(result.pins) pins (\(result.newPins) new, \(result.removedPins) removed), "
                + "\(result.boards) boards (\(result.newBoards) new), \(result.edges) edges, "
                + "fingerprint \(result.fingerprint)")
        if json { try printJSON(result) }
    }
}
