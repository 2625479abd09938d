import CCompression
import Glibc

/// Reads a file's content from start to end, plain, gzip (`.gz`) or Zstandard (`.zst`).
///
/// The first bytes say which it is; a name that promises compression the bytes do not have is an error.
/// Several compressed streams one after the other read as one. Works on pipes too.
@safe public final class DecompressingReader {
    public let path: String
    /// Bytes taken from the file so far, as they lie there.
    public private(set) var fileBytesRead = 0
    private let descriptor: Int32
    private let input: UnsafeMutableRawBufferPointer
    /// The part of `input` that is not yet decoded.
    private var pending = 0..<0
    private var reachedEnd = false
    private var decoder: Decoder

    private static let inputBytes = 1 << 18

    private enum Decoder {
        case plain
        case gzip(GzipStream)
        case zstandard(ZstandardStream)
    }

    public init(path: String) throws(ArtifactError) {
        self.path = path
        let descriptor = try SystemCall.open(path, O_RDONLY)
        self.descriptor = descriptor
        unsafe input = .allocate(byteCount: Self.inputBytes, alignment: 64)
        decoder = .plain
        try fill()
        while pending.count < 4, !reachedEnd { try fill() }
        let head = unsafe Array(input[pending].prefix(4))
        if head.starts(with: [0x1F, 0x8B]) {
            decoder = .gzip(try GzipStream(path))
        } else if head == [0x28, 0xB5, 0x2F, 0xFD] {
            decoder = .zstandard(try ZstandardStream(path))
        } else if path.hasSuffix(".gz") || path.hasSuffix(".zst") {
            throw .malformed(
                path: path, problem: "not compressed", expected: path.hasSuffix(".gz") ? "gzip data" : "Zstandard data",
                found: pending.isEmpty ? "an empty file" : "other bytes", action: "Rename or compress the file")
        }
    }

    deinit {
        close(descriptor)
        unsafe input.deallocate()
    }

    /// Reads up to `output.count` bytes of content; 0 means the end.
    ///
    /// - Throws: `ArtifactError` when reading fails or compressed data is damaged or cut short.
    public func read(into output: UnsafeMutableRawBufferPointer) throws(ArtifactError) -> Int {
        precondition(output.count > 0, "DecompressingReader: no room to read into")
        while true {
            if pending.isEmpty, !reachedEnd { try fill() }
            let source = unsafe UnsafeMutableRawBufferPointer(rebasing: input[pending])
            let (used, made): (Int, Int)
            switch decoder {
            case .plain:
                made = min(source.count, output.count)
                used = made
                unsafe output.copyBytes(from: source.prefix(made))
            case .gzip(let stream): (used, made) = try unsafe stream.decode(source, into: output, atEnd: reachedEnd)
            case .zstandard(let stream):
                (used, made) = try unsafe stream.decode(source, into: output, atEnd: reachedEnd)
            }
            pending = (pending.lowerBound + used)..<pending.upperBound
            if made > 0 || (reachedEnd && pending.isEmpty) { return made }
        }
    }

    /// Reads more of the file behind what is pending.
    private func fill() throws(ArtifactError) {
        if pending.isEmpty { pending = 0..<0 }
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: input[pending.upperBound...])
        let count = try SystemCall.retrying("read", path) {
            unsafe Glibc.read(descriptor, room.baseAddress, room.count)
        }
        fileBytesRead += count
        pending = pending.lowerBound..<(pending.upperBound + count)
        if count == 0 { reachedEnd = true }
    }
}

/// zlib's inflate over gzip members.
@safe private final class GzipStream {
    private let path: String
    private let stream: UnsafeMutablePointer<z_stream>
    private var insideMember = true

    init(_ path: String) throws(ArtifactError) {
        self.path = path
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // 15 bits of window, 16: expect a gzip header.
        let code = unsafe inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else { throw .system(path: path, operation: "start decompression", code: ENOMEM) }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    func decode(
        _ source: UnsafeMutableRawBufferPointer, into output: UnsafeMutableRawBufferPointer, atEnd: Bool
    ) throws(ArtifactError) -> (used: Int, made: Int) {
        if source.count == 0 {
            if atEnd, insideMember { throw .cutShort(path) }
            return (0, 0)
        }
        if !insideMember {
            unsafe inflateReset(stream)
            insideMember = true
        }
        unsafe stream.pointee.next_in = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_in = UInt32(source.count)
        unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(clamping: output.count)
        let room = unsafe stream.pointee.avail_out
        let code = unsafe inflate(stream, Z_NO_FLUSH)
        guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else { throw .damaged(path, "gzip") }
        if code == Z_STREAM_END { insideMember = false }
        return unsafe (source.count - Int(stream.pointee.avail_in), Int(room - stream.pointee.avail_out))
    }
}

/// libzstd's streaming decoder over frames.
@safe private final class ZstandardStream {
    private let path: String
    private let context: OpaquePointer
    private var insideFrame = true

    init(_ path: String) throws(ArtifactError) {
        self.path = path
        guard let context = unsafe ZSTD_createDStream() else {
            throw .system(path: path, operation: "start decompression", code: ENOMEM)
        }
        unsafe self.context = context
    }

    deinit { _ = unsafe ZSTD_freeDStream(context) }

    func decode(
        _ source: UnsafeMutableRawBufferPointer, into output: UnsafeMutableRawBufferPointer, atEnd: Bool
    ) throws(ArtifactError) -> (used: Int, made: Int) {
        if source.count == 0, !insideFrame { return (0, 0) }
        var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        var to = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let left = unsafe ZSTD_decompressStream(context, &to, &from)
        guard ZSTD_isError(left) == 0 else { throw .damaged(path, "Zstandard") }
        insideFrame = left != 0
        let (used, made) = unsafe (from.pos, to.pos)
        if source.count == 0, atEnd, insideFrame, made == 0 { throw .cutShort(path) }
        return (used, made)
    }
}

extension ArtifactError {
    fileprivate static func cutShort(_ path: String) -> ArtifactError {
        .malformed(
            path: path, problem: "cut short", expected: "the end of the compressed data", found: "the end of the file",
            action: "Copy or compress the file again")
    }

    fileprivate static func damaged(_ path: String, _ format: String) -> ArtifactError {
        .malformed(
            path: path, problem: "damaged", expected: "\(format) data", found: "other bytes",
            action: "Copy or compress the file again")
    }
}
