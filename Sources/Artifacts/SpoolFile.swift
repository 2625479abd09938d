import Glibc

/// A file of what has no room in memory: written once, read in pieces by any thread, gone with this object.
@safe public final class SpoolFile: Sendable {
    public let path: String
    private let descriptor: Int32
    private static let pieceBytes = 1 << 20

    public init(path: String) throws(ArtifactError) {
        self.path = path
        descriptor = try SystemCall.open(path, O_RDWR | O_CREAT | O_TRUNC)
    }

    deinit {
        close(descriptor)
        unsafe unlink(path)
    }

    public func append(_ bytes: UnsafeRawBufferPointer) throws(ArtifactError) {
        try unsafe SystemCall.writeAll(bytes, to: descriptor, path)
    }

    /// Reads the file from its start to its end; pieces but the last are of a multiple of 8 bytes.
    public func scan(_ body: (UnsafeRawBufferPointer) -> Void) throws(ArtifactError) {
        try unsafe Self.scan(descriptor, from: 0, path, body)
    }

    /// Reads any file from a place to its end.
    public static func scan(
        path: String, from start: Int, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(ArtifactError) {
        let descriptor = try SystemCall.open(path, O_RDONLY)
        defer { close(descriptor) }
        try unsafe scan(descriptor, from: start, path, body)
    }

    private static func scan(
        _ descriptor: Int32, from start: Int, _ path: String, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(ArtifactError) {
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceBytes, alignment: 64)
        defer { unsafe piece.deallocate() }
        var (offset, held) = (start, 0)
        while true {
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: piece[held...])
            let count = try SystemCall.retrying("read", path) {
                unsafe pread(descriptor, room.baseAddress, room.count, offset)
            }
            offset += count
            held += count
            // Short reads are put together, so that no element is cut.
            if count > 0, held < pieceBytes { continue }
            if held > 0 { unsafe body(UnsafeRawBufferPointer(rebasing: piece[..<held])) }
            if count == 0 { return }
            held = 0
        }
    }
}
