import Artifacts
import Foundation
import Glibc

/// Edges in no order, each 8 bytes: row in the upper half, column in the lower. What does not fit in memory lies in a file.
///
/// The order in which edges are given back is not that in which they came.
final class EdgeSpool {
    private(set) var count = 0
    /// Full pieces in memory, and the one that is being filled.
    private var pieces: [ZeroedMemory] = []
    private var open: ZeroedMemory
    private var openCount = 0
    private var file: SpoolFile?
    private let path: String

    let pieceEdges: Int
    private let memoryBytesMax: Int

    /// - Parameters:
    ///   - path: where the file is to be, if there must be one.
    ///   - pieceEdges: edges of a piece; when given, no more than two pieces stay in memory.
    init(path: String, pieceEdges: Int? = nil) {
        self.path = path
        memoryBytesMax = pieceEdges.map { 16 * $0 } ?? .max
        let pieceEdges = pieceEdges ?? 1 << 20
        self.pieceEdges = pieceEdges
        open = ZeroedMemory(byteCount: pieceEdges * 8)
    }

    /// Bytes of memory.
    var memoryBytes: Int { (pieces.count + 1) * open.byteCount }

    func append(_ edges: UnsafeBufferPointer<UInt64>) {
        var done = 0
        while done < edges.count, let source = edges.baseAddress {
            if openCount == pieceEdges { beginPiece() }
            let step = min(edges.count - done, pieceEdges - openCount)
            unsafe (open.base + openCount * 8).copyMemory(from: source + done, byteCount: step * 8)
            openCount += step
            done += step
        }
        count += edges.count
    }

    func append(_ row: UInt32, _ column: UInt32) {
        if openCount == pieceEdges { beginPiece() }
        unsafe open.base.storeBytes(
            of: UInt64(row) << 32 | UInt64(column), toByteOffset: openCount * 8, as: UInt64.self)
        openCount += 1
        count += 1
    }

    private func beginPiece() {
        pieces.append(open)
        open = ZeroedMemory(byteCount: pieceEdges * 8)
        openCount = 0
    }

    /// Moves pieces to the file until at most so much is in memory; one always stays.
    func shrink(to byteCountMax: Int) throws {
        while memoryBytes > min(byteCountMax, memoryBytesMax), let piece = pieces.popLast() {
            let file = try self.file ?? SpoolFile(path: path)
            self.file = file
            try unsafe file.append(UnsafeRawBufferPointer(start: piece.base, count: pieceEdges * 8))
        }
    }

    /// Gives memory and file back.
    func removeAll() {
        pieces = []
        file = nil
        (openCount, count) = (0, 0)
    }

    /// Gives every edge to `body`, some at a time; may be called by several threads at once.
    ///
    /// - Throws: `ArtifactError` when the file cannot be read.
    func scan(_ body: (UnsafeBufferPointer<UInt64>) -> Void) throws {
        for piece in pieces { unsafe body(Self.edges(piece.base, pieceEdges)) }
        unsafe body(Self.edges(open.base, openCount))
        try unsafe file?.scan { bytes in
            if let start = bytes.baseAddress { unsafe body(Self.edges(start, bytes.count / 8)) }
        }
    }

    private static func edges(_ start: UnsafeRawPointer, _ count: Int) -> UnsafeBufferPointer<UInt64> {
        unsafe UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt64.self), count: count)
    }
}
