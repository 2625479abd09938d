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
            of the graph before embed the new one: `pinsage embed --run RUN --graph GRAPH --update EMBEDDINGS`. \
            With --append the graph stays as it is: the addition is checked and written beside it, and \
            `pinsage compact GRAPH` folds all that is pending in.
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

    @Flag(help: "Write the addition down beside the graph, in the time that it takes, for `pinsage compact`.")
    var append = false

    @OptionGroup var tables: TableOptions

    @Flag(help: "Print the result as one JSON object on stdout.")
    var json = false

    func validate() throws {
        guard edges != nil || pins != nil || remove != nil else {
            throw ValidationError("expected --edges, --pins or --remove")
        }
        guard out == nil || !append else { throw ValidationError("--append writes beside the graph, not to --out") }
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
        let progress = { (text: String) in line.update("update: \(text)") }
        if append {
            let result = try GraphUpdate.append(options, progress: progress)
            line.finish(
                "\(graph): generation \(result.generation) is pending: \(result.edges) edges, \(result.newPins) new and "
                    + "\(result.removedPins) removed pins; `pinsage compact \(graph)` folds it in")
            if json { try printJSON(result) }
        } else {
            let result = try GraphUpdate.run(options, progress: progress)
            line.finish(Self.text(result, out ?? graph))
            if json { try printJSON(result) }
        }
    }

    static func text(_ result: GraphUpdateResult, _ graph: String) -> String {
        "\(graph): \(result.pins) pins (\(result.newPins) new, \(result.removedPins) removed), "
            + "\(result.boards) boards (\(result.newBoards) new), \(result.edges) edges, "
            + (result.generations > 1 ? "\(result.generations) generations, " : "")
            + "fingerprint \(result.fingerprint)"
    }
}
