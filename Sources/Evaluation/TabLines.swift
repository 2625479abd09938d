import Artifacts

/// The lines of a small text file, cut at tabs.
enum TabLines {
    /// Every line's columns in order; a carriage return before a line's end is dropped.
    ///
    /// - Throws: `ArtifactError` if the file cannot be read.
    static func read(_ path: String) throws -> [[String]] {
        let file = try MappedFile(path: path, advice: .sequential)
        // Bytes, not characters: to Swift "\r\n" is one character.
        var lines = withExtendedLifetime(file) { unsafe Array(file.bytes) }.split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { line in
            let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            return text.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
        }
    }
}
