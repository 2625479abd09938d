import Basics
import GraphStore
import TestSupport

/// A graph in a folder of its own, which lives as long as this object.
struct TestGraph {
    let graph: BipartiteGraph
    private let folder: TemporaryDirectory

    /// - Parameter pinsOfBoard: pins are numbered `0 ..< pinCount`; no board may be empty.
    init(pinsOfBoard: [[UInt32]], pinCount: Int) throws {
        folder = try TemporaryDirectory()
        let edges = pinsOfBoard.enumerated().flatMap { board, pins in pins.map { "p\($0)\tb\(board)\n" } }
        try folder.write(edges.joined(), to: "edges.tsv")
        try folder.write((0..<pinCount).map { "p\($0)\n" }.joined(), to: "pins.txt")
        var options = GraphImportOptions(edges: folder.file("edges.tsv"), output: folder.file("graph"))
        options.pins = folder.file("pins.txt")
        options.featureWidth = 3
        _ = try GraphImport.run(options)
        graph = try BipartiteGraph(directory: folder.file("graph"))
    }

    /// The same graph opened again, with a layout in units of `1 << unitShift` words, or with none.
    func with(unitShift: Int?) throws -> BipartiteGraph {
        guard let unitShift else { return try BipartiteGraph(directory: graph.directory, usesLayout: false) }
        // A file that is mapped keeps its bytes: the new one takes its name.
        try WalkLayout.write(for: graph, unitShift: unitShift)
        return try BipartiteGraph(directory: graph.directory)
    }

    static func handDrawn() throws -> TestGraph {
        try TestGraph(pinsOfBoard: HandDrawnGraph.pinsOfBoard, pinCount: HandDrawnGraph.pinIDs.count)
    }

    /// Boards of 1 to `boardPinsMax` pins drawn from `pinRange`; some pins stay without a board.
    static func randomBoards(
        _ count: Int, pinRange: Range<UInt32>, boardPinsMax: Int, seed: UInt64
    ) -> [[UInt32]] {
        var random = CounterBasedGenerator(seed: seed, purpose: 100, 0, 0)
        return (0..<count).map { _ in
            let size = min(Int.random(in: 1...boardPinsMax, using: &random), pinRange.count)
            return Array(pinRange.shuffled(using: &random).prefix(size)).sorted()
        }
    }

    static func random(pins: Int, boards: Int, boardPinsMax: Int = 6, seed: UInt64) throws -> TestGraph {
        let rows = randomBoards(boards, pinRange: 0..<UInt32(pins), boardPinsMax: boardPinsMax, seed: seed)
        return try TestGraph(pinsOfBoard: rows, pinCount: pins)
    }
}

/// Pearson's χ² of counts against expected counts, and the value it passes with probability 10⁻⁶ when the counts do
/// follow the expectation (Wilson and Hilferty's approximation). Cells that expect nothing must count nothing.
func chiSquared(_ counts: [Int], expected: [Double]) -> (value: Double, limit: Double) {
    var (value, cells) = (0.0, 0.0)
    for (count, expected) in zip(counts, expected) {
        if expected == 0 {
            value += count == 0 ? 0 : .infinity
        } else {
            value += (Double(count) - expected) * (Double(count) - expected) / expected
            cells += 1
        }
    }
    let freedom = max(cells - 1, 1)
    let root = 1 - 2 / (9 * freedom) + 4.753 * (2 / (9 * freedom)).squareRoot()
    return (value, freedom * root * root * root)
}
