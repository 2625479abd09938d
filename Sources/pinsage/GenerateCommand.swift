import ArgumentParser
import Basics
import FrontDoor
import GraphStore

/// `pinsage generate`: a graph with planted topics.
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Make a graph with planted topics, to try things out on.",
        discussion: """
            Board sizes and pin popularity follow power laws; a board takes most of its pins from one topic. The \
            features show the topic only weakly, so content alone is a poor guide and the graph a good one. With \
            --pairs, pairs of pins that share a board are held out for evaluation: floor(n/4) of a board of n pins, \
            up to 10,000 and one for each 20 edges, and their edges are not in the graph. Same options, same bytes.
            """)

    @Option(help: ArgumentHelp("The graph folder to write, missing or empty.", valueName: "folder"))
    var out: String?

    @Option(
        help: ArgumentHelp(
            "Write the edges alone, as lines of pin TAB board; - is standard output. Not with --out.", valueName: "file"
        ))
    var edgesTsv: String?

    @Option(help: ArgumentHelp("Pins, at least 10.", valueName: "n"))
    var pins: Int = 20_000

    @Option(help: ArgumentHelp("Boards, at least 1.", valueName: "n"))
    var boards: Int = 8_000

    @Option(help: ArgumentHelp("Edges drawn, 2 … pins/2 for each board.", valueName: "n"))
    var edges: Int = 100_000

    @Option(help: ArgumentHelp("Topics, at least 1.", valueName: "n"))
    var topics: Int = 32

    @Option(help: ArgumentHelp("Features of a pin, 1 … 4096.", valueName: "n"))
    var featureWidth: Int = 64

    @Option(
        help: ArgumentHelp(
            "Width of the pins' structure, 0 … 4096, as of import: where they stand in the graph. 0: none.",
            valueName: "n"))
    var structureWidth: Int = 0

    @Option(help: ArgumentHelp("Any whole number from 0 up; another seed, another graph.", valueName: "n"))
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("Hold out pairs and write them here. (default: hold out none)", valueName: "file"))
    var pairs: String?

    @OptionGroup var tables: TableOptions

    @Flag(help: "Replace the graph in --out, and the file of --pairs or --edges-tsv.")
    var force = false

    @Flag(help: "Print the result as one JSON object on stdout.")
    var json = false

    private var options: GraphGeneratorOptions {
        var options = GraphGeneratorOptions(output: out ?? "")
        options.pins = pins
        options.boards = boards
        options.edges = edges
        options.topics = topics
        options.featureWidth = featureWidth
        options.structureWidth = structureWidth
        options.seed = seed
        options.pairs = pairs
        options.force = force
        options.memoryBytes = tables.memory?.bytes
        options.threads = tables.threads
        return options
    }

    func validate() throws {
        guard (out == nil) != (edgesTsv == nil) else { throw ValidationError("expected either --out or --edges-tsv") }
        if edgesTsv != nil, pairs != nil { throw ValidationError("--pairs needs --out") }
        if edgesTsv != nil, structureWidth > 0 { throw ValidationError("--structure-width needs --out") }
        if let problem = options.problem { throw ValidationError(problem) }
    }

    func run() throws {
        let line = ProgressLine()
        guard let out else { return try writeEdges(line) }
        let result = try GraphGenerator.run(options) { text in line.update("generate: \(text)") }
        line.finish(
            "\(out): \(result.pins) pins, \(result.boards) boards, \(result.edges) edges, \(result.pairs) pairs held "
                + "out, features \(result.featureWidth) wide, "
                + (result.structureWidth > 0 ? "structure \(result.structureWidth) wide, " : "")
                + "fingerprint \(result.fingerprint)")
        if json { try printJSON(result) }
    }

    private func writeEdges(_ line: ProgressLine) throws {
        guard let edgesTsv else { return }
        let count = try GraphGenerator.writeEdges(options, to: edgesTsv) { line.update("generate: \($0)") }
        line.finish("\(edgesTsv == "-" ? "standard output" : edgesTsv): \(count) edges")
    }
}
