import Glibc

/// Checksums that find damage by accident. They do not resist an adversary.
public enum Checksum {
    /// XXH64 of a block of bytes.
    public static func xxh64(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        var hash = XXH64(seed: seed)
        unsafe hash.update(bytes)
        return hash.value
    }

    /// CRC-32C (Castagnoli), as in iSCSI and TFRecord files.
    ///
    /// - Complexity: O(n), one table look-up a byte: for small records.
    public static func crc32c(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var crc = UInt32.max
        for i in 0..<bytes.count {
            crc = unsafe crcTable[Int(UInt8(truncatingIfNeeded: crc) ^ bytes[i])] ^ (crc >> 8)
        }
        return ~crc
    }

    /// A 64-bit value as 16 lower-case hexadecimal digits, the form used in manifests.
    public static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// XXH64 of a text's UTF-8 bytes, as 16 hexadecimal digits.
    public static func xxh64Hex(of text: String) -> String {
        let bytes = Array(text.utf8)
        return unsafe bytes.withUnsafeBytes { unsafe hex(xxh64($0)) }
    }

    /// XXH64 of a whole file, as 16 hexadecimal digits.
    public static func xxh64Hex(ofFile path: String) throws(ArtifactError) -> String {
        try xxh64(ofFile: path).hex
    }

    /// Length and XXH64 of a whole file, which is read in pieces: a large one takes no memory.
    static func xxh64(ofFile path: String) throws(ArtifactError) -> (byteCount: Int, hex: String) {
        let descriptor = try SystemCall.open(path, O_RDONLY)
        defer { close(descriptor) }
        let byteCount = try SystemCall.regularFileSize(descriptor, path)
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { unsafe piece.deallocate() }
        var (hash, done) = (XXH64(), 0)
        while true {
            let count = try SystemCall.retrying("read", path) {
                unsafe read(descriptor, piece.baseAddress, piece.count)
            }
            if count == 0 { break }
            unsafe hash.update(UnsafeRawBufferPointer(rebasing: piece[..<count]))
            done += count
        }
        guard done == byteCount else { throw .wrongLength(path: path, expectedBytes: byteCount, foundBytes: done) }
        return (byteCount, hex(hash.value))
    }

    /// The reflected polynomial 0x82F63B78, one entry for each value of a byte.
    private static let crcTable: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? (crc >> 1) ^ 0x82F6_3B78 : crc >> 1 }
    }
}

/// XXH64 of bytes that arrive in pieces; how they are cut makes no difference.
///
/// - Source: Collet, "xxHash fast digest algorithm", specification 0.1.1.
public struct XXH64: Sendable {
    private var lanes: SIMD4<UInt64>
    private let seed: UInt64
    private var total: UInt64 = 0
    /// The unfinished stripe: `tailCount` of 32 bytes.
    private var tail = SIMD32<UInt8>()
    private var tailCount = 0

    private static let p1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let p2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let p3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let p4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let p5: UInt64 = 0x27D4_EB2F_1656_67C5

    public init(seed: UInt64 = 0) {
        self.seed = seed
        lanes = SIMD4(seed &+ Self.p1 &+ Self.p2, seed &+ Self.p2, seed, seed &- Self.p1)
    }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        total &+= UInt64(bytes.count)
        var start = 0
        if tailCount > 0 {
            start = min(32 - tailCount, bytes.count)
            for i in 0..<start { unsafe tail[tailCount + i] = bytes[i] }
            tailCount += start
            guard tailCount == 32 else { return }
            unsafe withUnsafeBytes(of: tail) { unsafe Self.consume($0, 0..<32, &lanes) }
            tailCount = 0
        }
        let end = start + (bytes.count - start) / 32 * 32
        unsafe Self.consume(bytes, start..<end, &lanes)
        for i in end..<bytes.count { unsafe tail[i - end] = bytes[i] }
        tailCount = bytes.count - end
    }

    /// The checksum of everything so far; more may follow.
    public var value: UInt64 {
        var hash: UInt64
        if total >= 32 {
            hash =
                Self.rotl(lanes[0], 1) &+ Self.rotl(lanes[1], 7) &+ Self.rotl(lanes[2], 12)
                &+ Self.rotl(lanes[3], 18)
            for lane in 0..<4 { hash = (hash ^ Self.round(0, lanes[lane])) &* Self.p1 &+ Self.p4 }
        } else {
            hash = seed &+ Self.p5
        }
        hash = hash &+ total
        hash = unsafe withUnsafeBytes(of: tail) { unsafe Self.finishTail($0, count: tailCount, hash) }
        hash = (hash ^ (hash >> 33)) &* Self.p2
        hash = (hash ^ (hash >> 29)) &* Self.p3
        return hash ^ (hash >> 32)
    }

    /// Whole stripes of 32 bytes, a lane for each 8.
    private static func consume(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ lanes: inout SIMD4<UInt64>) {
        guard !range.isEmpty, let base = bytes.baseAddress else { return }
        var (a, b, c, d) = (lanes[0], lanes[1], lanes[2], lanes[3])
        for offset in stride(from: range.lowerBound, to: range.upperBound, by: 32) {
            a = unsafe round(a, base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            b = unsafe round(b, base.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self))
            c = unsafe round(c, base.loadUnaligned(fromByteOffset: offset &+ 16, as: UInt64.self))
            d = unsafe round(d, base.loadUnaligned(fromByteOffset: offset &+ 24, as: UInt64.self))
        }
        lanes = SIMD4(a, b, c, d)
    }

    /// The last bytes, fewer than 32: by eights, then a four, then ones.
    private static func finishTail(_ tail: UnsafeRawBufferPointer, count: Int, _ start: UInt64) -> UInt64 {
        var hash = start
        var offset = 0
        while offset + 8 <= count {
            hash ^= unsafe round(0, tail.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            hash = rotl(hash, 27) &* p1 &+ p4
            offset += 8
        }
        if offset + 4 <= count {
            hash ^= unsafe UInt64(tail.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) &* p1
            hash = rotl(hash, 23) &* p2 &+ p3
            offset += 4
        }
        while offset < count {
            hash ^= unsafe UInt64(tail[offset]) &* p5
            hash = rotl(hash, 11) &* p1
            offset += 1
        }
        return hash
    }

    @inline(__always) private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
        rotl(lane &+ input &* p2, 31) &* p1
    }

    @inline(__always) private static func rotl(_ value: UInt64, _ by: UInt64) -> UInt64 {
        value &<< by | value &>> (64 &- by)
    }
}
