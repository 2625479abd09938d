/// The fields of a `.npy` header, read from its Python dictionary literal.
struct NumpyHeaderText {
    private(set) var descr = ""
    private(set) var fortranOrder = false
    private(set) var shape: [Int] = []
    let dataOffset: Int

    /// - Throws: `ArtifactError` for bad magic or version, a header past the end, or a literal that is not exactly
    ///   the three keys `descr`, `fortran_order` and `shape`.
    init(_ bytes: UnsafeRawBufferPointer, path: String) throws(ArtifactError) {
        let text: ArraySlice<UInt8>
        (dataOffset, text) = try unsafe Self.locate(bytes, path)
        var scanner = Scanner(rest: text)
        do {
            try parse(&scanner)
        } catch {
            throw .malformed(
                path: path, problem: "bad header", expected: error.expected, found: error.found,
                action: "Write the file again with numpy.save")
        }
    }

    /// Checks magic, version and header length.
    private static func locate(
        _ bytes: UnsafeRawBufferPointer, _ path: String
    ) throws(ArtifactError) -> (dataOffset: Int, text: ArraySlice<UInt8>) {
        let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
        guard bytes.count >= 6, unsafe bytes.prefix(6).elementsEqual(magic) else {
            throw .malformed(
                path: path, problem: "not a .npy file", expected: "the NumPy magic bytes",
                found: bytes.count == 0 ? "an empty file" : "other bytes", action: "Write the file with numpy.save")
        }
        guard bytes.count >= 10 else { throw .wrongLength(path: path, expectedBytes: 10, foundBytes: bytes.count) }
        let (major, minor) = unsafe (bytes[6], bytes[7])
        guard (1...3).contains(major), minor == 0 else {
            throw .malformed(
                path: path, problem: "unknown .npy version", expected: "1.0, 2.0 or 3.0", found: "\(major).\(minor)",
                action: "Write the file with numpy.save")
        }
        let start = major == 1 ? 10 : 12
        guard bytes.count >= start else {
            throw .wrongLength(path: path, expectedBytes: start, foundBytes: bytes.count)
        }
        let length =
            unsafe major == 1
            ? Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self))
            : Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        guard bytes.count - start >= length else {
            throw .wrongLength(path: path, expectedBytes: start + length, foundBytes: bytes.count)
        }
        return unsafe (start + length, Array(bytes[start..<(start + length)])[...])
    }

    private mutating func parse(_ scanner: inout Scanner) throws(Mismatch) {
        var seen: Set<String> = []
        try scanner.expect("{")
        while !scanner.accept("}") {
            let key = try scanner.string()
            guard seen.insert(key).inserted else { throw Mismatch(expected: "each key once", found: "'\(key)' twice") }
            try scanner.expect(":")
            switch key {
            case "descr": descr = try scanner.string()
            case "fortran_order": fortranOrder = try scanner.boolean()
            case "shape": shape = try scanner.tuple()
            default: throw Mismatch(expected: "the keys descr, fortran_order, shape", found: "'\(key)'")
            }
            if !scanner.accept(",") {
                try scanner.expect("}")
                break
            }
        }
        try scanner.expectEnd()
        for key in ["descr", "fortran_order", "shape"] where !seen.contains(key) {
            throw Mismatch(expected: "the key '\(key)'", found: "none")
        }
    }
}

/// What a scanner wanted and what was there.
private struct Mismatch: Error {
    let expected: String
    let found: String
}

/// Reads the small part of Python's literals that `.npy` headers use.
private struct Scanner {
    var rest: ArraySlice<UInt8>

    mutating func accept(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    mutating func expect(_ character: Unicode.Scalar) throws(Mismatch) {
        if !accept(character) { throw mismatch("'\(character)'") }
    }

    mutating func expectEnd() throws(Mismatch) {
        if rest.last == UInt8(ascii: "\n") { rest.removeLast() }
        skipSpace()
        if !rest.isEmpty { throw mismatch("the end of the header") }
    }

    mutating func string() throws(Mismatch) -> String {
        skipSpace()
        guard let quote = rest.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""),
            let end = rest.dropFirst().firstIndex(of: quote)
        else { throw mismatch("a quoted word") }
        let word = String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)
        rest = rest[(end + 1)...]
        return word
    }

    mutating func boolean() throws(Mismatch) -> Bool {
        skipSpace()
        for (word, value) in [("True", true), ("False", false)] where rest.starts(with: word.utf8) {
            rest = rest.dropFirst(word.utf8.count)
            return value
        }
        throw mismatch("True or False")
    }

    mutating func tuple() throws(Mismatch) -> [Int] {
        var sizes: [Int] = []
        try expect("(")
        while !accept(")") {
            sizes.append(try integer())
            if accept(",") { continue }
            // `(3)` is a number in Python, not a tuple.
            guard sizes.count > 1 else { throw mismatch("','") }
            try expect(")")
            break
        }
        return sizes
    }

    private mutating func integer() throws(Mismatch) -> Int {
        skipSpace()
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let value = Int(String(decoding: digits, as: UTF8.self)) else { throw mismatch("a size") }
        rest = rest.dropFirst(digits.count)
        return value
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\t") }
    }

    /// What follows, made printable.
    private func mismatch(_ expected: String) -> Mismatch {
        guard !rest.isEmpty else { return Mismatch(expected: expected, found: "the end of the header") }
        var next = rest.prefix(12).map { (32..<127).contains($0) ? String(Unicode.Scalar($0)) : "?" }
        while next.count > 1, next.last == " " { next.removeLast() }
        return Mismatch(expected: expected, found: "'\(next.joined())'")
    }
}
