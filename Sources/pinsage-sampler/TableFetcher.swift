import Artifacts
import Basics
import Foundation
import Minibatches

/// Gets the tables of hard negatives that tickets name: out of the run's folder where that is within reach, else piece
/// by piece from the trainer into a file of its own. One table at a time: the newest that was named.
final class TableFetcher {
    /// Seconds after which a piece that did not come is asked for again.
    private static let patienceSeconds = 1.0

    private let folder: HardNegativeFolder
    private let pinCount: Int
    private var wanted: TableName?
    private var pieces: Pieces?
    private var askedAt = -Double.infinity

    init(run: String, pinCount: Int) {
        folder = HardNegativeFolder(run: run)
        self.pinCount = pinCount
    }

    /// Looks for a table in the run's folder; one that is not there, or damaged, is asked for from now on.
    func find(_ name: TableName) -> HardNegativeTable? {
        if name == wanted { return nil }
        (wanted, pieces, askedAt) = (nil, nil, -.infinity)
        if folder.description(epoch: name.epoch)?.name == name, let table = try? folder.open(name, pinCount: pinCount) {
            return table
        }
        wanted = name
        return nil
    }

    /// What to ask the trainer for now; nil when nothing is wanted, or an answer may still come.
    func request(now: Double) -> ControlMessage? {
        guard let wanted, now - askedAt >= Self.patienceSeconds else { return nil }
        askedAt = now
        return .tableRequest(fingerprint: wanted.fingerprint, offset: pieces?.byteCount ?? 0)
    }

    /// Takes a piece; those that were not asked for are dropped.
    ///
    /// - Returns: the table, once it is whole.
    /// - Throws: `ArtifactError` when the file cannot be written, or is no table.
    func take(_ chunk: TableChunk) throws -> HardNegativeTable? {
        guard let wanted, chunk.fingerprint == wanted.fingerprintValue, chunk.offset == pieces?.byteCount ?? 0
        else { return nil }
        let pieces = try self.pieces ?? Pieces()
        self.pieces = pieces
        try unsafe pieces.append(chunk.payload)
        askedAt = -.infinity
        guard pieces.byteCount == chunk.totalBytes else { return nil }
        defer { (self.wanted, self.pieces) = (nil, nil) }
        return try HardNegativeTable(npyPath: pieces.path, name: wanted, pinCount: pinCount)
    }

    func forget() { (wanted, pieces) = (nil, nil) }
}

/// A file that grows; its name goes with this object, its bytes with the last map of it.
private final class Pieces {
    let path: String
    private(set) var byteCount: UInt64 = 0
    private let descriptor: Int32

    init() throws(ArtifactError) {
        var template = Array("\(FileManager.default.temporaryDirectory.path)/pinsage-table-XXXXXX".utf8CString)
        descriptor = unsafe mkstemp(&template)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard descriptor >= 0 else { throw .system(path: path, operation: "create", code: errno) }
    }

    deinit {
        unsafe unlink(path)
        close(descriptor)
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(ArtifactError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            guard count > 0 else {
                if errno == EINTR { continue }
                throw .system(path: path, operation: "write", code: errno)
            }
            done += count
        }
        byteCount += UInt64(bytes.count)
    }
}
