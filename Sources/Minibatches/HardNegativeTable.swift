import Artifacts

/// Which table of hard negatives: what a ticket says.
public struct TableName: Codable, Hashable, Sendable {
    /// The epoch whose batches are made with it, from 0.
    public var epoch: UInt64
    /// XXH64 of the file, 16 hexadecimal digits.
    public var fingerprint: String

    public init(epoch: UInt64, fingerprint: String) {
        self.epoch = epoch
        self.fingerprint = fingerprint
    }

    public var fingerprintValue: UInt64 { UInt64(fingerprint, radix: 16) ?? 0 }
}

/// The candidates for the hard negatives of one epoch, mapped: a companion process writes it once, every sampler reads it.
///
/// A `.npy` file, int32 (Q × (1 + C)), C = `candidatesMax`. Column 0 holds the queries, ascending; the rest of a row
/// the query's candidates in the order in which they were drawn, −1 past the end.
@safe public final class HardNegativeTable: Sendable {
    /// Candidates of a query, at most.
    public static let candidatesMax = 64

    public let name: TableName
    public let queryCount: Int
    private let file: NumpyFile
    private let bytesOfFile: MappedFile

    /// Opens and checks a table.
    ///
    /// - Parameters:
    ///   - name: the epoch, and the fingerprint that the file must have.
    ///   - pinCount: every query and candidate must be below.
    /// - Throws: `ArtifactError`.
    /// - Complexity: O(bytes): reads everything twice.
    public init(npyPath path: String, name: TableName, pinCount: Int) throws(ArtifactError) {
        self.name = name
        bytesOfFile = try MappedFile(path: path, advice: .sequential)
        let found = unsafe Checksum.hex(Checksum.xxh64(bytesOfFile.bytes))
        guard found == name.fingerprint else {
            throw .checksumMismatch(path: path, expected: name.fingerprint, found: found)
        }
        file = try NumpyFile(path: path, elements: [.int32], rank: 2)
        queryCount = file.header.shape[0]
        guard file.header.shape[1] == Self.width else {
            throw Self.malformed(path, "wrong shape", "\(Self.width) columns", "\(file.header.shape[1])")
        }
        try check(path, pinCount)
    }

    private func check(_ path: String, _ pinCount: Int) throws(ArtifactError) {
        var previous: Int32 = -1
        for row in 0..<queryCount {
            let entries = unsafe self.row(row)
            let query = unsafe entries[0]
            guard query > previous, Int(query) < pinCount else {
                throw Self.malformed(path, "row \(row)", "a query above \(previous) and below \(pinCount)", "\(query)")
            }
            previous = query
            var isPastEnd = false
            for column in 1..<Self.width {
                let pin = unsafe entries[column]
                guard isPastEnd ? pin == -1 : pin >= -1 && Int(pin) < pinCount else {
                    throw Self.malformed(
                        path, "row \(row)", isPastEnd ? "-1 past the end" : "a pin below \(pinCount)", "\(pin)")
                }
                isPastEnd = pin == -1
            }
        }
    }

    /// Columns of the table.
    static let width = 1 + candidatesMax

    /// The table's file.
    public var bytes: UnsafeRawBufferPointer { unsafe bytesOfFile.bytes }

    /// The query of a row.
    public func query(_ row: Int) -> UInt32 { unsafe UInt32(self.row(row)[0]) }

    /// A query's candidates, copied; none where the table does not know it.
    public func candidates(of query: UInt32) -> [UInt32] { unsafe Array(candidateRow(of: query)) }

    /// A query's candidates as they lie in the table, valid while it lives.
    public func candidateRow(of query: UInt32) -> UnsafeBufferPointer<UInt32> {
        var (low, high) = (0, queryCount)
        while low < high {
            let middle = (low + high) / 2
            if self.query(middle) < query { low = middle + 1 } else { high = middle }
        }
        guard low < queryCount, self.query(low) == query else {
            return unsafe UnsafeBufferPointer(start: nil, count: 0)
        }
        let entries = unsafe row(low)
        var end = 1
        while end < Self.width, unsafe entries[end] >= 0 { end += 1 }
        // No entry is negative: the bits are those of unsigned numbers.
        return unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(entries)[4..<4 * end])
            .assumingMemoryBound(to: UInt32.self)
    }

    private func row(_ row: Int) -> UnsafeBufferPointer<Int32> {
        let all = unsafe file.elements(as: Int32.self)
        return unsafe UnsafeBufferPointer(rebasing: all[row * Self.width..<(row + 1) * Self.width])
    }

    private static func malformed(
        _ path: String, _ problem: String, _ expected: String, _ found: String
    ) -> ArtifactError {
        .malformed(path: path, problem: problem, expected: expected, found: found, action: "Let it be mined again")
    }
}
