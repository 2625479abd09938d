import Artifacts
import Basics

/// Where a graph's feature table comes from.
enum PinFeatures {
    /// Copies a table of the user's, float32 or float16, to C order, checking every number.
    ///
    /// - Throws: `GraphError` when rows and pins differ in number or a value is not finite.
    /// - Returns: the width.
    static func copy(from path: String, to target: String, pins: IDTable, pinsPath: String) throws -> Int {
        let source = try NumpyFile(path: path, elements: [.float32, .float16], rank: 2, fortranOrder: true)
        let (rows, width) = (source.header.shape[0], source.header.shape[1])
        guard rows == pins.count else {
            throw GraphError.bad(
                path: path, problem: "wrong number of rows",
                expected: "\(pins.count), one for each line of \(pinsPath)",
                found: "\(rows)", action: "Give each pin one row")
        }
        guard width > 0 else {
            throw GraphError.bad(
                path: path, problem: "no columns", expected: "a width of at least 1", found: "0",
                action: "Leave --features away to use the graph alone")
        }
        let writer = try NumpyWriter(
            path: target, elementType: source.header.elementType, shape: source.header.shape)
        let bad: (row: Int, column: Int, value: Float)?
        if source.header.elementType == .float32 {
            bad = try unsafe copy(source.elements(as: Float.self), of: source.header, to: writer)
        } else {
            bad = try unsafe copy(source.elements(as: Float16.self), of: source.header, to: writer)
        }
        if let (row, column, value) = bad {
            throw GraphError.bad(
                path: path, problem: "row \(row) (pin '\(pins.id(UInt32(row)))')", expected: "finite numbers",
                found: "\(value) in column \(column)", action: "Repair the value")
        }
        try writer.close()
        return width
    }

    /// Copies row after row in C order, until the first value that is not finite, which is returned.
    private static func copy<T: NumpyScalar & BinaryFloatingPoint>(
        _ values: UnsafeBufferPointer<T>, of header: NumpyHeader, to writer: NumpyWriter
    ) throws -> (row: Int, column: Int, value: Float)? {
        let (rows, width) = (header.shape[0], header.shape[1])
        let (rowStep, columnStep) = header.isFortranOrder ? (1, rows) : (width, 1)
        // Blocks of rows, so that a column-wise source is read in runs.
        let blockRows = 64
        var block = [T](repeating: 0, count: blockRows * width)
        for start in stride(from: 0, to: rows, by: blockRows) {
            let count = min(blockRows, rows - start)
            for column in 0..<width {
                for i in 0..<count {
                    block[i * width + column] = unsafe values[(start + i) * rowStep + column * columnStep]
                }
            }
            for i in 0..<(count * width) where !block[i].isFinite {
                return (start + i / width, i % width, Float(block[i]))
            }
            try writer.append(Array(block[..<(count * width)]))
        }
        return nil
    }

    /// Makes features of the graph alone: a random projection of each pin's list of boards.
    ///
    /// Board b has a vector of random signs, keyed by its row; pin p gets Σ signs(b) / √size(b) over its boards,
    /// projected to the unit sphere, or zeros when it has none. Inner products then estimate the cosines of the
    /// pins' board lists.
    /// - Source: Achlioptas, "Database-friendly random projections", JCSS 2003, doi:10.1016/S0022-0000(03)00025-4.
    /// - Complexity: O(E · width); width / 8 bytes a board.
    static func project(_ rows: BipartiteRows, width: Int, to target: String) throws {
        let boardCount = rows.boardOffsets.count - 1
        let words = (width + 63) / 64
        var signs = [UInt64](repeating: 0, count: boardCount * words)
        for board in 0..<boardCount {
            var generator = CounterBasedGenerator(seed: 0, purpose: 7, 0, UInt32(board))
            for word in 0..<words { signs[board * words + word] = generator.next() }
        }
        let pinCount = rows.pinOffsets.count - 1
        let writer = try NumpyWriter(path: target, elementType: .float32, shape: [pinCount, width])
        var vector = [Float](repeating: 0, count: width)
        for pin in 0..<pinCount {
            for i in 0..<width { vector[i] = 0 }
            for edge in Int(rows.pinOffsets[pin])..<Int(rows.pinOffsets[pin + 1]) {
                let board = Int(rows.pinBoards[edge])
                let size = rows.boardOffsets[board + 1] - rows.boardOffsets[board]
                let weight = 1 / Float(size).squareRoot()
                for i in 0..<width {
                    let isNegative = signs[board * words + i / 64] >> UInt64(i % 64) & 1 == 1
                    vector[i] += isNegative ? -weight : weight
                }
            }
            normalize(&vector)
            try writer.append(vector)
        }
        try writer.close()
    }

    /// To length 1; a zero vector stays.
    private static func normalize(_ vector: inout [Float]) {
        var sum = 0.0
        for value in vector { sum += Double(value) * Double(value) }
        guard sum > 0 else { return }
        let scale = Float(1 / sum.squareRoot())
        for i in vector.indices { vector[i] *= scale }
    }
}
