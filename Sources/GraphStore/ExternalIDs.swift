import Artifacts
import Glibc
import Synchronization

/// The ids of a mapped text file, one a line: row → id, and id → row.
@safe public final class ExternalIDs: Sendable {
    public let path: String
    public let count: Int
    private let file: MappedFile
    /// (count + 1) line starts.
    private let starts: [Int]
    /// Built when an id is first looked up.
    private let index = Mutex<IDIndex?>(nil)

    /// - Parameter expectedCount: the number of ids that there must be; any number when nil.
    /// - Throws: `GraphError` for another number, an empty id or a last line that does not end.
    /// - Complexity: O(bytes), and 8 bytes of memory a row.
    public convenience init(path: String, expectedCount: Int? = nil) throws {
        try self.init(path: path, expectedCount: expectedCount, countMax: IDIndex.rowsMax)
    }

    /// - Parameter countMax: ids that there may be: as many as have a number.
    package init(path: String, expectedCount: Int?, countMax: Int) throws {
        self.path = path
        file = try MappedFile(path: path)
        var starts = [0]
        starts.reserveCapacity(min(expectedCount ?? 0, file.byteCount) + 1)
        let bytes = unsafe file.bytes
        while let start = starts.last, start < bytes.count {
            guard let base = bytes.baseAddress,
                let end = unsafe memchr(base + start, Int32(UInt8(ascii: "\n")), bytes.count - start)
            else {
                throw Self.bad(path, starts.count, "unfinished line", "a line feed at the end", "the end of the file")
            }
            let next = unsafe UnsafeRawPointer(end) - base + 1
            if next == start + 1 { throw Self.bad(path, starts.count, "empty id", "one id a line", "an empty line") }
            starts.append(next)
        }
        self.starts = starts
        count = starts.count - 1
        if count > countMax {
            throw GraphError.bad(
                path: path, problem: "too many ids", expected: "at most \(countMax)", found: "\(count)",
                action: "Use a part of the graph")
        }
        if let expectedCount, count != expectedCount {
            throw GraphError.bad(
                path: path, problem: "wrong number of ids", expected: "\(expectedCount)", found: "\(count)",
                action: "Write the folder again")
        }
    }

    /// The id of a row. Traps when there is no such row.
    public func id(_ row: Int) -> String {
        precondition(row >= 0 && row < count, "ExternalIDs: row \(row) is outside 0 ..< \(count)")
        return unsafe String(decoding: bytes(row), as: UTF8.self)
    }

    /// The row of an id, or nil. The first call builds an index: O(count) then, O(1) later.
    public func row(of id: String) -> UInt32? {
        index.withLock { index in
            let built = index ?? makeIndex()
            if index == nil { index = built }
            return unsafe Array(id.utf8).withUnsafeBytes { wanted in
                let hash = unsafe IDHash.hash(wanted)
                return built.row(hash: hash) { unsafe sameBytes(bytes(Int($0)), wanted) }
            }
        }
    }

    /// Two rows with the same id, if there are any.
    func firstRepeat() -> (first: Int, second: Int)? {
        var found: (first: Int, second: Int)?
        _ = makeIndex { first, second in
            found = (first, second)
            return false
        }
        return found
    }

    /// The index; of rows with the same id it holds the first.
    /// - Parameter onRepeat: called with both rows; returns whether to go on.
    private func makeIndex(onRepeat: (Int, Int) -> Bool = { _, _ in true }) -> IDIndex {
        let index = IDIndex(expectedCount: count)
        for row in 0..<count {
            let id = unsafe bytes(row)
            let hash = unsafe IDHash.hash(id)
            if let first = index.row(hash: hash, matches: { unsafe sameBytes(bytes(Int($0)), id) }) {
                if !onRepeat(Int(first), row) { break }
            } else {
                index.insert(UInt32(row), hash: hash)
            }
        }
        return index
    }

    /// The bytes of an id, valid while this object lives.
    func bytes(_ row: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: file.bytes[starts[row]..<(starts[row + 1] - 1)])
    }

    private static func bad(
        _ path: String, _ line: Int, _ problem: String, _ expected: String, _ found: String
    ) -> GraphError {
        .badLine(
            path: path, line: line, problem: problem, expected: expected, found: found,
            action: "Write the folder again")
    }
}
