import ArgumentParser
import Basics
import GraphStore

/// `pinsage-bench graph`: a graph folder to walk on, of any size.
struct GraphCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Write a random graph with power-law degrees, for timing walks.",
        discussion: """
            A graph folder as `pinsage import` writes it, without features: pin_offsets.npy, pin_boards.npy, \
            board_offsets.npy and board_pins.npy are compressed rows that NumPy opens. The same options give the same \
            bytes.
            """)

    @Option(help: ArgumentHelp("Pins, 10 … 2000000000.", valueName: "n"))
    var pins: Int

    @Option(help: ArgumentHelp("Boards, 1 … 4000000000.", valueName: "n"))
    var boards: Int

    @Option(help: ArgumentHelp("Edges, at least one a board; repeats are dropped, about 1 in 100.", valueName: "n"))
    var edges: Int

    @Option(help: ArgumentHelp("Seed.", valueName: "s"))
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("The graph folder to write.", valueName: "graph"))
    var out: String

    func validate() throws {
        guard (10...2_000_000_000).contains(pins), (1...4_000_000_000).contains(boards), edges >= boards else {
            throw ValidationError(
                "--pins, --boards, --edges: expected 10 … 2000000000, 1 … 4000000000 and at least one edge a board, "
                    + "found \(pins), \(boards) and \(edges).")
        }
    }

    func run() throws {
        let line = ProgressLine()
        try PowerLawGraph(pins: pins, boards: boards, edges: edges, seed: seed)
            .write(to: out) { line.update("writing \($0)") }
        let graph = try BipartiteGraph(directory: out)
        line.finish("\(out): \(graph.pinCount) pins, \(graph.boardCount) boards, \(graph.edgeCount) edges")
    }
}
