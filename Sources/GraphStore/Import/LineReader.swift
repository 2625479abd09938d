import Artifacts
import Glibc

/// Lines of a text file, plain or compressed, as bytes without their line feed.
///
/// Refuses what no id file should hold: empty lines, Windows line ends, a byte order mark, endless lines.
@safe final class LineReader {
    let path: String
    /// The number of the line that `next` gave last, from 1.
    private(set) var line = 0
    private let reader: DecompressingReader
    private let buffer: UnsafeMutableRawBufferPointer
    /// The part of `buffer` not yet given.
    private var pending = 0..<0
    private var reachedEnd = false

    /// Also the longest line.
    private static let bufferBytes = 1 << 20

    init(path: String) throws {
        self.path = path
        reader = try DecompressingReader(path: path)
        unsafe buffer = .allocate(byteCount: Self.bufferBytes, alignment: 64)
    }

    deinit { unsafe buffer.deallocate() }

    /// Bytes of the file read so far, as they lie there.
    var fileBytesRead: Int { reader.fileBytesRead }

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
        line += 1
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer[pending.lowerBound..<(pending.lowerBound + count)])
        pending = (pending.lowerBound + count + feed)..<pending.upperBound
        guard count > 0 else { throw bad("empty line", "an id", "nothing", "Remove the line") }
        if unsafe bytes[count - 1] == UInt8(ascii: "\r") {
            throw bad("Windows line end", "a line feed", "carriage return and line feed", "Convert with dos2unix")
        }
        if line == 1, unsafe bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw bad("byte order mark", "plain UTF-8", "EF BB BF", "Remove the first three bytes")
        }
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
            line += 1
            throw bad("endless line", "at most \(Self.bufferBytes) bytes", "more", "Check the file")
        }
        let count = try unsafe reader.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[pending.upperBound...]))
        pending = pending.lowerBound..<(pending.upperBound + count)
        if count == 0 { reachedEnd = true }
    }

    /// An error that names this file and the line given last.
    func bad(_ problem: String, _ expected: String, _ found: String, _ action: String) -> GraphError {
        .badLine(path: path, line: line, problem: problem, expected: expected, found: found, action: action)
    }

    /// Throws unless `id` is UTF-8 without zero bytes.
    func requireText(_ id: UnsafeRawBufferPointer) throws {
        var isASCII = true
        for i in 0..<id.count {
            if unsafe id[i] >= 0x80 { isASCII = false }
            if unsafe id[i] == 0 {
                throw bad("zero byte", "ids in UTF-8", "'\(unsafe printable(id))'", "Convert with iconv")
            }
        }
        if isASCII { return }
        let units = unsafe id.bindMemory(to: UInt8.self)
        if unsafe String(validating: units, as: UTF8.self) == nil {
            throw bad("not UTF-8", "ids in UTF-8", "'\(unsafe printable(id))'", "Convert with iconv")
        }
    }
}

/// Bytes as they may be shown inside a message: at most 60, control characters as `?`.
func printable(_ bytes: UnsafeRawBufferPointer) -> String {
    let text = unsafe String(decoding: bytes.prefix(60), as: UTF8.self)
    let shown = text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "?" : String($0) }.joined()
    return bytes.count > 60 ? shown + "…" : shown
}
