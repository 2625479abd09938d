import Artifacts
import Configuration
import GraphStore
import Kernels
import Sampling

/// Every pin's neighbourhood, mapped from the files that `NeighborhoodFiles` writes.
struct NeighborhoodLists {
    private let neighbors: NumpyFile
    private let weights: NumpyFile
    /// K: most neighbours of a pin.
    let top: Int

    /// Maps what `write` has written.
    init(folder: String) throws {
        neighbors = try NumpyFile(
            path: folder + "/" + NeighborhoodFiles.neighbors, elements: [.int32], rank: 2, advice: .sequential)
        weights = try NumpyFile(
            path: folder + "/" + NeighborhoodFiles.weights, elements: [.float32], rank: 2, advice: .sequential)
        top = neighbors.header.shape[1]
    }

    /// The neighbour lists of `rows` as weighted lists of pins; they lie in `buffer` until its next use.
    func lists(of rows: Range<Int>, in buffer: ListBuffer) -> PoolLists {
        precondition(rows.count * top <= buffer.entryCapacity, "NeighborhoodLists: \(rows.count) lists are too many")
        let pins = unsafe neighbors.elements(as: Int32.self)
        let shares = unsafe weights.elements(as: Float.self)
        let (offsets, indices, weights) = unsafe (buffer.offsets, buffer.indices, buffer.weights)
        var count = 0
        for (list, row) in rows.enumerated() {
            for entry in row * top..<(row + 1) * top {
                let pin = unsafe pins[entry]
                if pin < 0 { break }
                unsafe indices[count] = pin
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

extension NeighborhoodLists {
    /// Samples the neighbourhoods of all pins, by chunks of pins on the team's threads, and writes them to `folder`.
    static func write(
        folder: String, graph: BipartiteGraph, walks: WalkSettings, seed: UInt64, team: ThreadTeam, steps: Steps
    ) throws {
        let files = try NeighborhoodFiles(directory: folder, pinCount: graph.pinCount, walks: walks)
        let chunks = (0..<2 * team.threadCount).map { _ in
            (sampler: NeighborhoodSampler(graph: graph, walks: walks, seed: seed), table: NeighborhoodTable())
        }
        for start in stride(from: 0, to: graph.pinCount, by: chunks.count * chunkPins) {
            let end = min(start + chunks.count * chunkPins, graph.pinCount)
            let used = chunks.prefix((end - start + chunkPins - 1) / chunkPins)
            team.run(chunks: used.count) { index in
                let first = start + index * chunkPins
                used[index].table.removeAll()
                used[index].sampler.sample(
                    range: first..<min(first + chunkPins, end), window: NeighborhoodSampler.embeddingWindow,
                    into: used[index].table)
            }
            for chunk in used { try files.append(chunk.table) }
            try steps.finished(end - start, of: "neighbourhoods")
        }
        try files.close()
    }

    /// Pins that one thread samples at a time.
    private static let chunkPins = 512
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

    deinit {
        unsafe offsets.deallocate()
        unsafe indices.deallocate()
        unsafe weights.deallocate()
    }
}
