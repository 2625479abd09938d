import Artifacts

extension EmbeddingDirectory {
    /// Writes the text form of word2vec: pins and width, then for each pin its id and numbers, between spaces.
    ///
    /// Numbers read back to the same float32. With `withBias` each row has one number more, the pin's bias, so that a
    /// dot product with a query's vector and 1 is the score.
    /// - Parameters:
    ///   - id: the external id of a row.
    ///   - isStopped: asked between blocks of rows; when true, nothing is written.
    /// - Returns: false when it was stopped.
    /// - Throws: `SearchError.spaceInID`, or `ArtifactError`; then nothing is written.
    /// - Complexity: O(P · d); memory for one block of rows.
    public func writeWordVectors(
        to path: String, withBias: Bool, id: (Int) -> String, isStopped: () -> Bool = { false }
    ) throws -> Bool {
        let (rows, width) = (table.rows, table.width)
        let added = withBias ? 1 : 0
        do {
            try AtomicReplace.write(to: path) { writer in
                try writer.write("\(rows) \(width + added)\n")
                var values = [Float](repeating: 0, count: width)
                for row in 0..<rows {
                    if row % Self.blockRows == 0, isStopped() { throw Stopped() }
                    let name = id(row)
                    guard !name.utf8.contains(where: { $0 <= 0x20 }) else {
                        throw SearchError.spaceInID(id: name, path: pinsPath)
                    }
                    unsafe values.withUnsafeMutableBufferPointer { buffer in
                        guard let base = buffer.baseAddress else { return }
                        unsafe table.copyRange(start: row, count: 1, into: base, rowStride: width)
                    }
                    var line = name
                    for value in values { line += " \(value)" }
                    if withBias { line += " \(bias?[row] ?? 0)" }
                    try writer.write(line + "\n")
                }
            }
        } catch is Stopped {
            return false
        }
        return true
    }

    private struct Stopped: Error {}
    private static let blockRows = 1024
}
