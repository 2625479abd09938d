import Artifacts
import Basics
import Foundation
import GraphStore

/// A random graph of any size whose degrees follow power laws: no topics, no features, nothing that keeps neighbours
/// close. For timing walks.
///
/// Board sizes are Pareto's with exponent 2 and half the mean as the least; a pin of rank r, r from 0, is drawn with a
/// probability that falls with √r, and ranks are scattered over the ids. A pure function of counts and seed.
struct PowerLawGraph {
    let pins: Int
    let boards: Int
    /// Edges drawn; a pin that a board draws twice counts once, so that the graph has about a hundredth fewer.
    let edges: Int
    let seed: UInt64

    private static let purpose: UInt32 = 30
    /// Pins of a board, at most.
    private static let boardPinsMax = 20_000
    /// A prime beyond every count of pins: multiplied by it, ranks become ids without repeats.
    private static let scatter = 4_294_967_311
    /// Entries of the pins' rows that are held in memory at a time.
    private static let entriesMax = 1 << 27

    /// Writes a whole graph folder, its walk layout too.
    ///
    /// - Complexity: O(edges) time; memory 4 bytes a pin and 0.5 GB.
    func write(to path: String, progress: (String) -> Void) throws {
        try AtomicReplace.writeFolder(at: path) { folder in
            progress("\(boards) boards")
            let (degrees, edges) = try writeBoards(folder)
            progress("\(pins) pins")
            try writePins(folder, degrees, edges)
            try writeIDs("p", pins, "\(folder)/pins.txt")
            try writeIDs("b", boards, "\(folder)/boards.txt")
            progress("checksums")
            let files = ["pin_offsets.npy", "pin_boards.npy", "board_offsets.npy", "board_pins.npy"]
            try Manifest(
                describing: files + ["pins.txt", "boards.txt"], in: folder, kind: "graph",
                counts: ["pins": pins, "boards": boards, "edges": edges], featureWidth: 0
            ).write(directory: folder)
            progress("walk layout")
            try WalkLayout.write(for: BipartiteGraph(directory: folder))
            for file in files { MappedFile.forgetCached(path: "\(folder)/\(file)") }
        }
    }

    /// The pins of a board, ascending, in `row`.
    private func draw(board: Int, into row: inout [UInt32]) {
        var random = CounterBasedGenerator(seed: seed, purpose: Self.purpose, 0, UInt32(board))
        func share() -> Double { Double(random.next() >> 11) * 0x1p-53 }
        let size = 0.5 * Double(edges) / Double(boards) / (1 - share()).squareRoot()
        row.removeAll(keepingCapacity: true)
        for _ in 0..<min(max(Int(size.rounded()), 1), Self.boardPinsMax) {
            let place = share()
            row.append(UInt32(Int(Double(pins) * place * place) * Self.scatter % pins))
        }
        row.sort()
    }

    /// Writes the boards' rows; returns the boards of each pin, counted, and the edges.
    private func writeBoards(_ folder: String) throws -> (degrees: [UInt32], edges: Int) {
        var degrees = [UInt32](repeating: 0, count: pins)
        var (row, kept, offsets) = ([UInt32](), [UInt32](), [Int64(0)])
        // The number of entries is known at the end only: they are counted by drawing twice.
        for board in 0..<boards {
            draw(board: board, into: &row)
            var count = 0
            for i in row.indices where i == 0 || row[i] != row[i - 1] {
                degrees[Int(row[i])] += 1
                count += 1
            }
            offsets.append(offsets[board] + Int64(count))
        }
        try writeNumpy(path: "\(folder)/board_offsets.npy", shape: [boards + 1], offsets)
        let entries = try NumpyWriter(
            path: "\(folder)/board_pins.npy", elementType: .uint32, shape: [Int(offsets[boards])])
        for board in 0..<boards {
            draw(board: board, into: &row)
            kept.removeAll(keepingCapacity: true)
            for i in row.indices where i == 0 || row[i] != row[i - 1] { kept.append(row[i]) }
            try entries.append(kept)
        }
        try entries.close()
        return (degrees, Int(offsets[boards]))
    }

    /// Turns the boards' rows round, as many pins at a time as have `entriesMax` entries.
    private func writePins(_ folder: String, _ degrees: [UInt32], _ edges: Int) throws {
        var offsets = [Int64(0)]
        offsets.reserveCapacity(pins + 1)
        for degree in degrees { offsets.append((offsets.last ?? 0) + Int64(degree)) }
        try writeNumpy(path: "\(folder)/pin_offsets.npy", shape: [pins + 1], offsets)
        let rows = try NumpyFile(path: "\(folder)/board_pins.npy", elements: [.uint32])
        let starts = try NumpyFile(path: "\(folder)/board_offsets.npy", elements: [.int64])
        let entries = try NumpyWriter(path: "\(folder)/pin_boards.npy", elementType: .uint32, shape: [edges])
        var first = 0
        while first < pins {
            var end = first + 1
            while end < pins, offsets[end + 1] - offsets[first] <= Int64(Self.entriesMax) { end += 1 }
            unsafe try entries.append(
                transpose(rows.elements(as: UInt32.self), starts.elements(as: Int64.self), first..<end, offsets))
            first = end
        }
        try entries.close()
    }

    /// The boards of a range of pins, row after row.
    private func transpose(
        _ rows: UnsafeBufferPointer<UInt32>, _ starts: UnsafeBufferPointer<Int64>, _ range: Range<Int>,
        _ offsets: [Int64]
    ) -> [UInt32] {
        let base = offsets[range.lowerBound]
        var next = range.map { Int(offsets[$0] - base) }
        let count = Int(offsets[range.upperBound] - base)
        return unsafe [UInt32](unsafeUninitializedCapacity: count) { out, initialized in
            initialized = count
            for board in 0..<boards {
                for i in unsafe Int(starts[board])..<Int(starts[board + 1]) {
                    let pin = unsafe Int(rows[i])
                    guard range.contains(pin) else { continue }
                    unsafe out[next[pin - range.lowerBound]] = UInt32(board)
                    next[pin - range.lowerBound] += 1
                }
            }
        }
    }

    private func writeIDs(_ prefix: String, _ count: Int, _ path: String) throws {
        try AtomicReplace.write(to: path) { writer in
            for start in stride(from: 0, to: count, by: 4096) {
                try writer.write((start..<min(start + 4096, count)).map { "\(prefix)\($0)\n" }.joined())
            }
        }
    }
}
