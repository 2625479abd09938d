import Artifacts
import Kernels

/// One direction of a graph as a sparse matrix: row = pin (or board), columns = its boards (or pins), with weights.
package struct WeightedAdjacency {
    private let offsets: [Int32]
    private let columns: [Int32]
    private let weights: [Float]

    /// - Parameter weight: of the edge between a pin with so many boards and a board with so many pins.
    /// - Precondition: at most 2³¹ − 1 edges.
    package static func pinRows(
        _ graph: BipartiteGraph, weight: (_ boards: Int, _ pins: Int) -> Double
    ) -> WeightedAdjacency {
        unsafe WeightedAdjacency(
            graph.pinCount, row: { unsafe graph.boards(of: $0) }, column: { unsafe graph.pins(of: $0) }, weight: weight)
    }

    package static func boardRows(
        _ graph: BipartiteGraph, weight: (_ boards: Int, _ pins: Int) -> Double
    ) -> WeightedAdjacency {
        unsafe WeightedAdjacency(
            graph.boardCount, row: { unsafe graph.pins(of: $0) }, column: { unsafe graph.boards(of: $0) },
            weight: { weight($1, $0) })
    }

    private init(
        _ count: Int, row: (UInt32) -> UnsafeBufferPointer<UInt32>, column: (UInt32) -> UnsafeBufferPointer<UInt32>,
        weight: (Int, Int) -> Double
    ) {
        var (offsets, columns, weights): ([Int32], [Int32], [Float]) = ([0], [], [])
        for index in 0..<UInt32(count) {
            let entries = unsafe row(index)
            for place in entries.indices {
                let entry = unsafe entries[place]
                columns.append(Int32(entry))
                weights.append(Float(weight(entries.count, unsafe column(entry).count)))
            }
            offsets.append(Int32(columns.count))
        }
        (self.offsets, self.columns, self.weights) = (offsets, columns, weights)
    }

    /// D_r^−½ A D_c^−½ of compressed rows.
    ///
    /// - Parameters:
    ///   - sorted: the rows, whose offsets count here.
    ///   - entries: columns, row after row.
    ///   - columns: the same edges the other way round.
    init(normalizing sorted: RowSorter, _ entries: NumpyFile, columns other: RowSorter) {
        var (offsets, columns, weights): ([Int32], [Int32], [Float]) = ([0], [], [])
        let (starts, columnStarts) = unsafe (sorted.offsets, other.offsets)
        let values = unsafe entries.elements(as: UInt32.self)
        for row in 0..<sorted.rowCount {
            let (start, end) = unsafe (Int(starts[row]), Int(starts[row + 1]))
            for place in start..<end {
                let column = unsafe Int(values[place])
                let size = unsafe Int(columnStarts[column + 1] - columnStarts[column])
                columns.append(Int32(column))
                weights.append(Float(1 / Double((end - start) * size).squareRoot()))
            }
            offsets.append(Int32(columns.count))
        }
        (self.offsets, self.columns, self.weights) = (offsets, columns, weights)
        withExtendedLifetime((sorted, entries, other)) {}
    }

    var rows: Int { offsets.count - 1 }

    /// output = this · input.
    package func multiply(_ input: Matrix, into output: Matrix, kernels: Kernels) {
        unsafe offsets.withUnsafeBufferPointer { offsets in
            unsafe columns.withUnsafeBufferPointer { columns in
                unsafe weights.withUnsafeBufferPointer { weights in
                    guard let offsets = offsets.baseAddress, let columns = columns.baseAddress,
                        let weights = weights.baseAddress
                    else { return }
                    let lists = unsafe PoolLists(
                        offsets: offsets, indices: columns, weights: weights, count: self.offsets.count - 1)
                    kernels.weightedPool(lists, from: input, into: output)
                }
            }
        }
    }
}
