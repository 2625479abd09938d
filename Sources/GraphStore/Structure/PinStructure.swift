import Artifacts
import Kernels

/// Where a pin stands in the graph: its row of U Σ of the truncated `AdjacencySVD`, projected to the unit sphere.
///
/// The dot product of two rows is then the cosine of the pins' board lists, weighted as in N, with what is not shared
/// by many boards smoothed away. A pin without boards has zeros. Made of the training graph alone.
enum PinStructure {
    /// Enough for hit-rates, which need the space that the vectors span, not each vector.
    static let iterations = 8

    /// Products with the adjacency count its edges in 31 bits.
    static let edgeCountMax = Int(Int32.max)

    /// (P × width); columns past the rank of the graph are 0.
    ///
    /// - Parameters:
    ///   - memory: its threads change no bit. Nor does the CPU: the kernels are the baseline's.
    ///   - folder: named where the graph is too large.
    /// - Throws: `GraphError` for more edges than 31 bits count, or too little memory.
    /// - Complexity: that of `AdjacencySVD`.
    static func rows(
        of graph: GraphRows, width: Int, memory: ImportMemory, _ folder: String
    ) throws -> Matrix {
        guard graph.edgeCount <= edgeCountMax else {
            throw GraphError.bad(
                path: folder, problem: "too many edges for structure", expected: "at most \(edgeCountMax)",
                found: "\(graph.edgeCount)", action: "Leave --structure-width away")
        }
        let nodes = graph.pins.rowCount + graph.boards.rowCount
        try memory.require(
            8 * nodes * (width + 16) + 20 * graph.edgeCount, for: "\(width) columns of structure", folder)
        let (boards, pins) = try (graph.mappedPinBoards(), graph.mappedBoardPins())
        let kernels = Kernels(instructionSet: .baseline, team: ThreadTeam(threads: memory.threads))
        let svd = AdjacencySVD(
            byPin: WeightedAdjacency(normalizing: graph.pins, boards, columns: graph.boards),
            byBoard: WeightedAdjacency(normalizing: graph.boards, pins, columns: graph.pins), rank: width,
            iterations: iterations, kernels: kernels)
        let rows = Matrix(FloatBuffer(count: svd.pins.rows * width), rows: svd.pins.rows, columns: width)
        for row in 0..<rows.rows {
            for column in 0..<svd.pins.columns { rows[row, column] = svd.pins[row, column] }
            unsafe toUnitLength(rows.base + row * rows.stride, width)
        }
        return rows
    }

    /// The rows of a graph that has grown or shrunk: old pins keep theirs, so that checkpoints and earlier vectors
    /// still fit; a new one has the sum of the old pins of its boards, each weighing 1 / pins of the board, to length 1.
    ///
    /// - Parameters:
    ///   - old: the structure before.
    ///   - kept: old rows of the first pins of `graph`; the others are new.
    ///   - folder: named where the graph is too large.
    /// - Throws: `GraphError` for too little memory.
    /// - Complexity: O(P · width + edges of the new pins' boards · width).
    static func updated(
        _ old: VectorTable, kept: [UInt32], graph: GraphRows, memory: ImportMemory, _ folder: String
    ) throws -> Matrix {
        let (pins, width) = (graph.pins.rowCount, old.width)
        try memory.require(4 * pins * width, for: "\(width) columns of structure", folder)
        let rows = Matrix(FloatBuffer(count: pins * width), rows: pins, columns: width)
        unsafe kept.withUnsafeBufferPointer { unsafe old.copyRows($0, into: rows.base, rowStride: rows.stride) }
        let (boardFile, pinFile) = try (graph.mappedPinBoards(), graph.mappedBoardPins())
        let (boards, boardPins) = unsafe (boardFile.elements(as: UInt32.self), pinFile.elements(as: UInt32.self))
        let (starts, boardStarts) = unsafe (graph.pins.offsets, graph.boards.offsets)
        for pin in kept.count..<pins {
            for edge in unsafe Int(starts[pin])..<Int(starts[pin + 1]) {
                let board = unsafe Int(boards[edge])
                let (start, end) = unsafe (Int(boardStarts[board]), Int(boardStarts[board + 1]))
                for place in start..<end where unsafe boardPins[place] < kept.count {
                    let other = unsafe Int(boardPins[place])
                    for column in 0..<width { rows[pin, column] += rows[other, column] / Float(end - start) }
                }
            }
            unsafe toUnitLength(rows.base + pin * rows.stride, width)
        }
        withExtendedLifetime((boardFile, pinFile, graph)) {}
        return rows
    }

    /// Writes the structure of a new graph.
    ///
    /// - Parameters:
    ///   - folder: named where the graph is too large.
    ///   - progress: called once, before the work.
    /// - Throws: as `rows`, or `ArtifactError`.
    static func make(
        of graph: GraphRows, width: Int, memory: ImportMemory, to path: String, _ folder: String,
        _ progress: (String) -> Void
    ) throws {
        progress("factorizing the graph, \(width) columns")
        try write(rows(of: graph, width: width, memory: memory, folder), to: path)
    }

    static func write(_ rows: Matrix, to path: String) throws {
        let writer = try NumpyWriter(path: path, elementType: .float32, shape: [rows.rows, rows.columns])
        for row in 0..<rows.rows {
            try unsafe writer.append(UnsafeBufferPointer(start: rows.base + row * rows.stride, count: rows.columns))
        }
        try writer.close()
    }
}
