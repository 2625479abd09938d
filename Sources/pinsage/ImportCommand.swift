import ArgumentParser
import Basics
import FrontDoor
import GraphStore

/// `pinsage import`: text and vectors → graph folder.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make a graph folder from edges and, if there are any, features.",
        discussion: """
            Edges are lines of pin TAB board, ids of any kind, in any order; repeats are dropped and counted. Pins \
            are numbered as in pins.txt, else by first appearance; boards by first appearance. Files that end in \
            .gz or .zst are read as they are. The folder appears whole, at the end, or not at all.
            """)

    @Option(
        help: ArgumentHelp("Edges: lines of pin TAB board; plain, .gz or .zst; - is standard input.", valueName: "file")
    )
    var edges: String

    @Option(
        help: ArgumentHelp(
            "All pins, one id a line; pins without edges are kept. (default: the pins of the edges)",
            valueName: "file"))
    var pins: String?

    @Option(
        help: ArgumentHelp(
            """
            Content of the pins: .npy, float32 or float16, one row for each line of --pins. \
            (default: of each pin's boards: its structure, or else a random projection)
            """, valueName: "file"))
    var features: String?

    @Option(help: ArgumentHelp("The graph folder to write, missing or empty.", valueName: "folder"))
    var out: String

    @Option(help: ArgumentHelp("Width of projected features, 1 … 4096.", valueName: "n"))
    var featureWidth: Int = 64

    @Option(
        help: ArgumentHelp(
            """
            Width of the pins' structure, 0 … 4096: where they stand in the graph, by its truncated singular value \
            decomposition. Embeddings end with it (model.structure_share); without --features it is the features. \
            0: none.
            """, valueName: "n"))
    var structureWidth: Int = 0

    @OptionGroup var tables: TableOptions

    @Flag(help: "Replace the graph that is in --out.")
    var force = false

    @Flag(help: "Print the result as one JSON object on stdout.")
    var json = false

    func validate() throws {
        if features != nil, pins == nil {
            throw ValidationError("--features needs --pins: its rows are the lines of that file.")
        }
        guard (1...4096).contains(featureWidth) else {
            throw ValidationError("--feature-width: expected 1 … 4096, found \(featureWidth).")
        }
        guard (0...4096).contains(structureWidth) else {
            throw ValidationError("--structure-width: expected 0 … 4096, found \(structureWidth).")
        }
    }

    func run() throws {
        var options = GraphImportOptions(edges: edges, output: out)
        options.pins = pins
        options.features = features
        options.featureWidth = featureWidth
        options.structureWidth = structureWidth
        options.force = force
        options.memoryBytes = tables.memory?.bytes
        options.threads = tables.threads
        let line = ProgressLine()
        let result = try GraphImport.run(options) { text in line.update("import: \(text)") }
        line.finish(
            "\(out): \(result.pins) pins (\(result.pinsWithoutBoards) without boards), \(result.boards) boards, "
                + "\(result.edges) edges (\(result.repeats) repeats dropped), features \(result.featureWidth) wide, "
                + (result.structureWidth > 0 ? "structure \(result.structureWidth) wide, " : "")
                + "fingerprint \(result.fingerprint)")
        if json { try printJSON(result) }
    }
}
