import Artifacts
import Search

/// Held-out pairs at rest: one `query TAB positive` a line, external ids.
public enum PairsFile {
    /// Reads a pairs file; a carriage return before a line's end is dropped.
    ///
    /// - Parameter row: the row of an external id, nil for an unknown one.
    /// - Throws: `EvaluationError` with file and line for a line without two columns, an unknown id,
    ///   or a query that is its own positive; for a file without lines; `ArtifactError` if it cannot be read.
    public static func read(path: String, row: (String) -> UInt32?) throws -> [RowPair] {
        let file = try MappedFile(path: path, advice: .sequential)
        // Bytes, not characters: to Swift "\r\n" is one character.
        var lines = withExtendedLifetime(file) { unsafe Array(file.bytes) }.split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        var pairs: [RowPair] = []
        for (index, line) in lines.enumerated() {
            let pair = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            let columns = pair.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
            guard columns.count == 2 else {
                throw EvaluationError.malformedPair(path: path, line: index + 1, columns: columns.count)
            }
            let ids = columns.map { String(decoding: $0, as: UTF8.self) }
            let rows = try ids.map { id in
                guard let row = row(id) else {
                    throw EvaluationError.unknownPin(path: path, line: index + 1, id: id)
                }
                return row
            }
            guard rows[0] != rows[1] else {
                throw EvaluationError.samePin(path: path, line: index + 1, id: ids[0])
            }
            pairs.append(RowPair(query: rows[0], positive: rows[1]))
        }
        guard !pairs.isEmpty else { throw EvaluationError.noPairs(path: path) }
        return pairs
    }
}
