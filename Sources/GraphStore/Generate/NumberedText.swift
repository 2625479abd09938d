import Artifacts

/// Ids that are a letter and a number, as bytes.
struct NumberedText {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    /// Adds `prefix`, a number of up to 10 digits, and `end`.
    @inline(__always)
    mutating func append(_ prefix: UInt8, _ number: UInt32, _ end: UInt8) {
        var (rest, digits, count) = (number, UInt64(0), 0)
        // The digits from the last on, four bits each.
        repeat {
            digits = digits << 4 | UInt64(rest % 10)
            rest /= 10
            count &+= 1
        } while rest > 0
        bytes.append(prefix)
        for _ in 0..<count {
            bytes.append(UInt8(ascii: "0") | UInt8(truncatingIfNeeded: digits & 15))
            digits >>= 4
        }
        bytes.append(end)
    }

    /// Writes `prefix0`, `prefix1`, … each on a line.
    static func writeIDs(_ prefix: Character, count: Int, to path: String) throws {
        let letter = prefix.asciiValue ?? 0
        let blockIDs = 1 << 14
        try AtomicReplace.write(to: path) { writer in
            for first in stride(from: 0, to: count, by: blockIDs) {
                var text = NumberedText(capacity: blockIDs * 12)
                for row in first..<min(first + blockIDs, count) { text.append(letter, UInt32(row), UInt8(ascii: "\n")) }
                try unsafe text.bytes.withUnsafeBytes { try unsafe writer.write($0) }
            }
        }
    }
}
