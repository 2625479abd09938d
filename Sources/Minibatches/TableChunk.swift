import Artifacts
import Basics

/// A piece of a hard-negative table on its way to a sampler: one frame, in answer to one request.
///
///      0  magic "PSTABLE\n"      16  offset of the piece u64       32  the piece: bytes of the file
///      8  fingerprint u64        24  bytes of the whole file u64    …  xxh64 of all before
public struct TableChunk: Sendable {
    /// Most bytes of a piece.
    public static let byteCountMax = 1 << 20
    private static let magic = Array("PSTABLE\n".utf8)
    private static let headBytes = 32

    public let fingerprint: UInt64
    public let offset: UInt64
    public let totalBytes: UInt64
    private let frame: Frame

    /// The piece of a table that starts at `offset`; nil where the table has no such byte.
    public init?(of table: HardNegativeTable, from offset: UInt64) {
        let bytes = unsafe table.bytes
        guard offset < UInt64(bytes.count) else { return nil }
        fingerprint = table.name.fingerprintValue
        self.offset = offset
        totalBytes = UInt64(bytes.count)
        let end = min(bytes.count, Int(offset) + Self.byteCountMax)
        var head = Self.magic
        for number in [fingerprint, offset, totalBytes] {
            head += (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[Int(offset)..<end])
        frame = Frame(byteCount: Self.headBytes + piece.count + 8)
        unsafe frame.bytes.copyBytes(from: head)
        unsafe UnsafeMutableRawBufferPointer(rebasing: frame.bytes[Self.headBytes...]).copyBytes(from: piece)
        let body = unsafe UnsafeRawBufferPointer(rebasing: frame.bytes.dropLast(8))
        unsafe frame.bytes.storeBytes(
            of: Checksum.xxh64(body).littleEndian, toByteOffset: frame.byteCount - 8, as: UInt64.self)
    }

    /// Whether a frame on the control socket is a piece of a table rather than a message.
    public static func isChunk(_ frame: Frame) -> Bool {
        frame.byteCount >= magic.count && magic.indices.allSatisfy { unsafe frame.bytes[$0] == magic[$0] }
    }

    /// Reads a frame.
    ///
    /// - Throws: `MinibatchError.malformed` or `.checksum`.
    public init(decoding frame: Frame) throws(MinibatchError) {
        let fewest = Self.headBytes + 1 + 8
        guard Self.isChunk(frame), (fewest...fewest - 1 + Self.byteCountMax).contains(frame.byteCount) else {
            throw .malformed(
                field: "table piece", expected: "a head, 1 to \(Self.byteCountMax) bytes and a checksum",
                found: "\(frame.byteCount) bytes")
        }
        func number(_ at: Int) -> UInt64 {
            unsafe UInt64(littleEndian: frame.bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        }
        let body = unsafe UnsafeRawBufferPointer(rebasing: frame.bytes.dropLast(8))
        guard unsafe Checksum.xxh64(body) == number(frame.byteCount - 8) else {
            throw .checksum(array: "table piece")
        }
        fingerprint = number(8)
        offset = number(16)
        totalBytes = number(24)
        self.frame = frame
        let (end, overflow) = offset.addingReportingOverflow(UInt64(frame.byteCount - Self.headBytes - 8))
        guard !overflow, end <= totalBytes, totalBytes <= UInt64(Int.max) else {
            throw .malformed(
                field: "table piece", expected: "a piece within \(totalBytes) bytes", found: "one at \(offset)")
        }
    }

    /// As it travels.
    public func encode() -> Frame { frame }

    /// The piece, valid while this value lives.
    public var payload: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: frame.bytes[Self.headBytes..<(frame.byteCount - 8)])
    }
}
