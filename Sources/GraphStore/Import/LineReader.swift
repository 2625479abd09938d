import Artifacts
import Glibc

/// Lines of a text file, plain or compressed, as bytes without their line feed.
///
/// Refuses what `LinePlace.require` does.
@safe final class LineReader {
    /// The line that `next` gave last.
    private(set) var place: LinePlace
    private let reader: DecompressingReader
    private let buffer: UnsafeMutableRawBufferPointer
    /// The part of `buffer` not yet given.
    private var pending = 0..<0
    private var reachedEnd = false

    private static let bufferBytes = LinePlace.bytesMax

    init(path: String) throws {
        place = LinePlace(path: path)
        reader = try DecompressingReader(path: path)
        unsafe buffer = .allocate(byteCount: Self.bufferBytes, alignment: 64)
    }

    deinit { unsafe buffer.deallocate() }

    /// The next line, valid until the next call; nil at the end.
    func next() throws -> UnsafeRawBufferPointer? {
        var searched = 0
        while true {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[pending].dropFirst(searched))
            if let start = rest.baseAddress, let end = unsafe memchr(start, Int32(UInt8(ascii: "\n")), rest.count) {
                return try unsafe take(searched + (UnsafeRawPointer(end) - start), feed: 1)
            }
            searched = pending.count
            if reachedEnd { return pending.isEmpty ? nil : try unsafe take(pending.count, feed: 0) }
            try fill()
        }
    }

    private func take(_ count: Int, feed: Int) throws -> UnsafeRawBufferPointer {
        place.line += 1
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer[pending.lowerBound..<(pending.lowerBound + count)])
        pending = (pending.lowerBound + count + feed)..<pending.upperBound
        try unsafe place.require(bytes)
        return unsafe bytes
    }

    private func fill() throws {
        if pending.lowerBound > 0 {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[pending])
            if let base = unsafe buffer.baseAddress, let start = rest.baseAddress {
                unsafe memmove(base, start, rest.count)
            }
            pending = 0..<pending.count
        }
        guard pending.upperBound < Self.bufferBytes else {
            place.line += 1
            throw place.endless
        }
        let count = try unsafe reader.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[pending.upperBound...]))
        pending = pending.lowerBound..<(pending.upperBound + count)
        if count == 0 { reachedEnd = true }
    }
}
