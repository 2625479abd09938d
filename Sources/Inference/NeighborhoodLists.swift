import Artifacts
import Kernels
import Sampling

/// The neighbourhoods of a shard's pins, mapped from the files that `NeighborhoodFiles` writes.
struct NeighborhoodLists {
    private let neighbors: NumpyFile
    private let weights: NumpyFile
    /// K: most neighbours of a pin.
    let top: Int

    /// - Parameter folder: of a finished shard of neighbourhoods.
    init(folder: String) throws {
        neighbors = try NumpyFile(
            path: folder + "/" + NeighborhoodFiles.neighbors, elements: [.int32], rank: 2, advice: .sequential)
        weights = try NumpyFile(
            path: folder + "/" + NeighborhoodFiles.weights, elements: [.float32], rank: 2, advice: .sequential)
        top = neighbors.header.shape[1]
    }

    /// The pins that any list names.
    func needed(pinCount: Int) -> NeededRows {
        withExtendedLifetime(neighbors) {
            unsafe NeededRows(pinCount: pinCount, lists: neighbors.elements(as: Int32.self))
        }
    }

    /// The neighbour lists of `rows`, counted from the shard's first, as weighted lists of table rows; they lie in
    /// `buffer` until its next use.
    ///
    /// - Parameter table: the pins that the table to pool from holds; nil where it holds all.
    func lists(of rows: Range<Int>, in table: NeededRows?, _ buffer: ListBuffer) -> PoolLists {
        precondition(rows.count * top <= buffer.entryCapacity, "NeighborhoodLists: \(rows.count) lists are too many")
        let pins = unsafe neighbors.elements(as: Int32.self)
        let shares = unsafe weights.elements(as: Float.self)
        let (offsets, indices, weights) = unsafe (buffer.offsets, buffer.indices, buffer.weights)
        var count = 0
        for (list, row) in rows.enumerated() {
            for entry in row * top..<(row + 1) * top {
                let pin = unsafe pins[entry]
                if pin < 0 { break }
                unsafe indices[count] = table?.place(of: pin) ?? pin
                unsafe weights[count] = unsafe shares[entry]
                count += 1
            }
            unsafe offsets[list + 1] = Int32(count)
        }
        return unsafe PoolLists(
            offsets: UnsafePointer(offsets), indices: UnsafePointer(indices), weights: UnsafePointer(weights),
            count: rows.count)
    }
}

/// Storage for the neighbour lists of a block of pins.
@safe final class ListBuffer {
    let entryCapacity: Int
    /// The first is 0 and stays so.
    fileprivate let offsets: UnsafeMutablePointer<Int32>
    fileprivate let indices: UnsafeMutablePointer<Int32>
    fileprivate let weights: UnsafeMutablePointer<Float>

    /// Room for `lists` lists of `top` entries each.
    init(lists: Int, top: Int) {
        entryCapacity = max(1, lists * top)
        unsafe offsets = .allocate(capacity: lists + 1)
        unsafe offsets.initialize(repeating: 0, count: lists + 1)
        unsafe indices = .allocate(capacity: entryCapacity)
        unsafe indices.initialize(repeating: 0, count: entryCapacity)
        unsafe weights = .allocate(capacity: entryCapacity)
        unsafe weights.initialize(repeating: 0, count: entryCapacity)
    }

    static func byteCount(lists: Int, top: Int) -> Int { (lists * top * 2 + lists) * MemoryLayout<Int32>.size }

    deinit {
        unsafe offsets.deallocate()
        unsafe indices.deallocate()
        unsafe weights.deallocate()
    }
}
