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
        // Blocks of rows, so that a column-wise source is read in runs.
        let blockRows = 64
        let block = UnsafeMutableBufferPointer<T>.allocate(capacity: blockRows * width)
        defer { unsafe block.deallocate() }
        for start in stride(from: 0, to: rows, by: blockRows) {
            let count = min(blockRows, rows - start)
            var lines = unsafe UnsafeBufferPointer(rebasing: values[(start * width)..<((start + count) * width)])
            if header.isFortranOrder {
                for column in 0..<width {
                    for i in 0..<count { unsafe block[i * width + column] = values[start + i + column * rows] }
                }
                unsafe lines = UnsafeBufferPointer(rebasing: block[..<(count * width)])
            }
            if unsafe areFinite(lines) {
                try unsafe writer.append(lines)
                continue
            }
            for i in 0..<lines.count where unsafe !lines[i].isFinite {
                return unsafe (start + i / width, i % width, Float(lines[i]))
            }
        }
        return nil
    }

    /// 0 · x is 0 for every finite number and for no other.
    private static func areFinite<T: BinaryFloatingPoint>(_ values: UnsafeBufferPointer<T>) -> Bool {
        var sum: T = 0
        for i in 0..<values.count { unsafe sum += values[i] * 0 }
        return sum == 0
    }

    /// Makes features of the graph alone: a random projection of each pin's list of boards.
    ///
    /// Board b has a vector of random signs, keyed by its row; pin p gets Σ signs(b) / √size(b) over its boards,
    /// projected to the unit sphere, or zeros when it has none. Inner products then estimate the cosines of the
    /// pins' board lists.
    /// - Source: Achlioptas, "Database-friendly random projections", JCSS 2003, doi:10.1016/S0022-0000(03)00025-4.
    /// - Complexity: O(E · width); 4 bytes a board. Signs are drawn anew for each edge, which takes less than to fetch
    ///   them from a table.
    static func project(
        _ rows: GraphRows, width: Int, memory: ImportMemory, to target: String, progress: (Double) -> Void
    ) throws {
        let boardCount = rows.boards.rowCount
        try memory.require(4 * boardCount, for: "\(boardCount) boards' weights", target)
        let weights = ZeroedMemory(byteCount: 4 * boardCount)
        let weight = unsafe weights.base.assumingMemoryBound(to: Float.self)
        for board in 0..<boardCount {
            let size = unsafe rows.boards.offsets[board + 1] - rows.boards.offsets[board]
            unsafe weight[board] = 1 / Float(size).squareRoot()
        }
        let file = try rows.mappedPinBoards()
        let (entries, offsets) = unsafe (file.elements(as: UInt32.self), rows.pins.offsets)
        let signs = RandomSigns(width: width)
        let writer = try NumpyWriter(path: target, elementType: .float32, shape: [rows.pins.rowCount, width])
        try unsafe appendRows(
            to: writer, rowCount: rows.pins.rowCount, width: width, threads: memory.threads
        ) { pins, vectors in
            for pin in pins {
                let vector = unsafe vectors + (pin - pins.lowerBound) * width
                for edge in unsafe Int(offsets[pin])..<Int(offsets[pin + 1]) {
                    let board = unsafe entries[edge]
                    unsafe signs.add(board, weight[Int(board)], to: vector)
                }
                unsafe toUnitLength(vector, width)
            }
        } progress: {
            progress(Double($0) / Double(rows.pins.rowCount))
        }
        try writer.close()
        withExtendedLifetime((file, weights, rows)) {}
    }
}

/// Scales a vector to length 1; a zero vector stays.
func toUnitLength(_ vector: UnsafeMutablePointer<Float>, _ width: Int) {
    var sum = 0.0
    for i in 0..<width { unsafe sum += Double(vector[i]) * Double(vector[i]) }
    guard sum > 0 else { return }
    let scale = Float(1 / sum.squareRoot())
    for i in 0..<width { unsafe vector[i] *= scale }
}

/// A vector of random signs for each board: bits of the stream of seed 0, purpose 7 and the board.
private struct RandomSigns {
    private let width: Int
    private let key = CounterBasedGenerator.mix(CounterBasedGenerator.mix(7))

    init(width: Int) { self.width = width }

    /// Adds a board's signs times `weight`: where the bit is set, takes away.
    @inline(__always)
    func add(_ board: UInt32, _ weight: Float, to vector: UnsafeMutablePointer<Float>) {
        var column = 0
        var block: UInt32 = 0
        while column < width {
            let words = CounterBasedGenerator.block(key: key, counter: SIMD4(block, board, 0, 0))
            block &+= 1
            for word in 0..<4 where column < width {
                unsafe Self.add(words[word], weight, to: vector + column, min(32, width &- column))
                column &+= 32
            }
        }
    }

    @inline(__always)
    private static func add(_ bits: UInt32, _ weight: Float, to vector: UnsafeMutablePointer<Float>, _ count: Int) {
        let (weights, sign) = (SIMD4(repeating: weight.bitPattern), SIMD4<UInt32>(repeating: 1 << 31))
        var column = 0
        var lanes = SIMD4<UInt32>(1, 2, 4, 8)
        let all = SIMD4(repeating: bits)
        while column &+ 4 <= count {
            let signs = SIMD4<UInt32>(repeating: 0).replacing(with: sign, where: (all & lanes) .!= 0)
            let terms = unsafe unsafeBitCast(weights ^ signs, to: SIMD4<Float>.self)
            let place = unsafe UnsafeMutableRawPointer(vector + column)
            let sum = unsafe place.loadUnaligned(as: SIMD4<Float>.self) + terms
            unsafe place.storeBytes(of: sum, as: SIMD4<Float>.self)
            lanes &<<= 4
            column &+= 4
        }
        while column < count {
            unsafe vector[column] += bits &>> UInt32(column) & 1 == 1 ? -weight : weight
            column &+= 1
        }
    }
}
