import Glibc

/// A line of a text file, for what may be wrong there.
struct LinePlace {
    let path: String
    /// From 1.
    var line = 0

    /// No line may be longer, with its line feed.
    static let bytesMax = 1 << 20

    /// Refuses what no id file should hold: empty lines, Windows line ends, a byte order mark, endless lines.
    func require(_ bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count < Self.bytesMax else { throw endless }
        guard bytes.count > 0 else { throw bad("empty line", "an id", "nothing", "Remove the line") }
        if unsafe bytes[bytes.count - 1] == UInt8(ascii: "\r") {
            throw bad("Windows line end", "a line feed", "carriage return and line feed", "Convert with dos2unix")
        }
        if line == 1, unsafe bytes.starts(with: Self.byteOrderMark) {
            throw bad("byte order mark", "plain UTF-8", "EF BB BF", "Remove the first three bytes")
        }
    }

    static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    var endless: GraphError { bad("endless line", "at most \(Self.bytesMax) bytes", "more", "Check the file") }

    /// An error that names this file and line.
    func bad(_ problem: String, _ expected: String, _ found: String, _ action: String) -> GraphError {
        .badLine(path: path, line: line, problem: problem, expected: expected, found: found, action: action)
    }

    /// Throws unless `id` is UTF-8 without zero bytes.
    func requireText(_ id: UnsafeRawBufferPointer) throws {
        if unsafe isText(id) { return }
        let problem = unsafe id.contains(0) ? "zero byte" : "not UTF-8"
        throw bad(problem, "ids in UTF-8", "'\(unsafe printable(id))'", "Convert with iconv")
    }
}

/// Whether bytes are UTF-8 without zero bytes.
func isText(_ id: UnsafeRawBufferPointer) -> Bool {
    var (isASCII, hasZero) = (true, false)
    for i in 0..<id.count {
        let byte = unsafe id[i]
        isASCII = isASCII && byte < 0x80
        hasZero = hasZero || byte == 0
    }
    if hasZero { return false }
    return unsafe isASCII || String(validating: id.bindMemory(to: UInt8.self), as: UTF8.self) != nil
}

/// Bytes as they may be shown inside a message: at most 60, control characters as `?`.
func printable(_ bytes: UnsafeRawBufferPointer) -> String {
    let text = unsafe String(decoding: bytes.prefix(60), as: UTF8.self)
    let shown = text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "?" : String($0) }.joined()
    return bytes.count > 60 ? shown + "…" : shown
}
