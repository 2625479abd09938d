import Basics

/// Makes hostile inputs out of valid ones: a pure function of seed and round.
public struct FuzzMutator {
    private var random: CounterBasedGenerator
    private let samples: [FuzzParts]
    private let valid: Int

    /// Keys these random numbers apart from all others.
    private static let purpose: UInt32 = 101

    public init(_ reader: FuzzReader, seed: UInt64, round: UInt64) {
        samples = reader.samples + reader.traps
        valid = reader.samples.count
        random = CounterBasedGenerator(seed: seed, purpose: Self.purpose, round, 0)
    }

    /// The round's input, and whether it is a sample as it was.
    public mutating func next(_ reader: FuzzReader) -> (parts: FuzzParts, isSample: Bool) {
        // Most traps are refused early and slowly, so that fewer of them do.
        let chosen = below(below(8) == 0 ? samples.count : valid)
        var parts = samples[chosen]
        // Now and then nothing is changed: a reader that refuses everything would pass every other check.
        if below(64) == 0 { return (parts, chosen < valid) }
        for _ in 0...below(4) { change(&parts) }
        return (below(4) == 0 ? parts : reader.reseal(parts), false)
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    private mutating func change(_ parts: inout FuzzParts) {
        if parts.count > 1, below(16) == 0 { return changeOrder(&parts) }
        guard !parts.isEmpty else { return }
        let at = below(parts.count)
        switch below(14) {
        case 0, 1: flipBit(&parts[at])
        case 2: setByte(&parts[at])
        case 3: parts[at] = Array(parts[at].prefix(below(parts[at].count + 1)))
        case 4: parts[at] += bytes(1 + below(below(8) == 0 ? 4096 : 16))
        case 5: splice(&parts[at])
        case 6: removeRange(&parts[at])
        case 7: repeatRange(&parts[at])
        case 8, 9: changeNumber(&parts[at])
        case 10, 11: setInteger(&parts[at])
        case 12: insertWord(&parts[at])
        default: swapBytes(&parts[at])
        }
    }

    /// Whole parts: one lost, one twice, two exchanged, one of another sample.
    private mutating func changeOrder(_ parts: inout FuzzParts) {
        let at = below(parts.count)
        switch below(4) {
        case 0: parts.remove(at: at)
        case 1: parts.insert(parts[at], at: at)
        case 2: parts.swapAt(at, below(parts.count))
        default:
            let other = samples[below(samples.count)]
            if at < other.count { parts[at] = other[at] }
        }
    }

    private mutating func bytes(_ count: Int) -> [UInt8] {
        let value = UInt8(truncatingIfNeeded: random.next())
        if below(2) == 0 { return Array(repeating: value, count: count) }
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    private mutating func flipBit(_ part: inout [UInt8]) {
        guard !part.isEmpty else { return }
        part[below(part.count)] ^= 1 << UInt8(below(8))
    }

    private mutating func setByte(_ part: inout [UInt8]) {
        guard !part.isEmpty else { return }
        let values: [UInt8] = [0, 1, 9, 10, 13, 32, 34, 39, 44, 45, 58, 91, 92, 93, 123, 125, 127, 128, 254, 255]
        part[below(part.count)] = values[below(values.count)]
    }

    private mutating func range(of part: [UInt8]) -> Range<Int> {
        let start = below(part.count + 1)
        return start..<(start + below(min(part.count - start, 64) + 1))
    }

    private mutating func splice(_ part: inout [UInt8]) {
        let other = samples[below(samples.count)]
        guard !other.isEmpty else { return }
        let source = other[below(other.count)]
        part.replaceSubrange(range(of: part), with: source[range(of: source)])
    }

    private mutating func removeRange(_ part: inout [UInt8]) { part.removeSubrange(range(of: part)) }

    private mutating func repeatRange(_ part: inout [UInt8]) {
        let range = range(of: part)
        part.insert(contentsOf: Array(repeating: part[range], count: 1 + below(3)).joined(), at: range.upperBound)
    }

    private mutating func swapBytes(_ part: inout [UInt8]) {
        guard !part.isEmpty else { return }
        part.swapAt(below(part.count), below(part.count))
    }

    private mutating func insertWord(_ part: inout [UInt8]) {
        let word = Array(Self.words[below(Self.words.count)].utf8)
        let repeats = below(8) == 0 ? 1 + below(512) : 1
        part.insert(contentsOf: Array(repeating: word, count: repeats).joined(), at: below(part.count + 1))
    }

    /// Replaces a decimal number in a text, such as a size in a JSON or `.npy` header.
    private mutating func changeNumber(_ part: inout [UInt8]) {
        guard !part.isEmpty else { return }
        func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
        let from = below(part.count)
        guard let start = part[from...].firstIndex(where: isDigit) ?? part.firstIndex(where: isDigit) else { return }
        let end = part[start...].firstIndex { !isDigit($0) } ?? part.count
        let value = Int(String(decoding: part[start..<end], as: UTF8.self)) ?? 0
        let text =
            switch below(6) {
            case 0: "\(value &+ 1)"
            case 1: "\(value &- 1)"
            case 2: "\(value &* 2)"
            case 3: "\(below(10))"
            default: Self.numbers[below(Self.numbers.count)]
            }
        part.replaceSubrange(start..<end, with: text.utf8)
    }

    /// Writes a little-endian integer over 2, 4 or 8 bytes.
    private mutating func setInteger(_ part: inout [UInt8]) {
        let width = 2 << below(3)
        guard part.count >= width else { return }
        let at = below(4) == 0 ? below(part.count - width + 1) : below(part.count / width) * width
        let shift = UInt64(below(64))
        let near = UInt64(truncatingIfNeeded: below(5) - 2)
        let value = below(3) == 0 ? UInt64(below(64)) : (1 << shift) &+ near
        for i in 0..<width { part[at + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
    }

    private static let numbers = [
        "-1", "255", "256", "65536", "2147483647", "2147483648", "4294967295", "4294967296", "1152921504606846976",
        "2305843009213693951", "4611686018427387904", "9223372036854775807", "9223372036854775808",
        "18446744073709551615", "18446744073709551616", "1e308", "1e999", "0.5", "-0", "1_000", "nan",
        "999999999999999999999999999999999999999999",
    ]

    private static let words = [
        "[", "{", "{\"a\":", "]", "}", ",", ":", "\"", "'", "\n", "\r\n", "\t", " ", "\0", "\\u0000", "\\n", "\u{FEFF}",
        "null", "true", "false", "~", "&a ", "*a", "!!", "- ", "? ", "|\n", "%", "#", "../", "/", "${", "\u{2028}", "é",
        "0", "(", ")", "<f4", ">f8", "|O",
    ]
}
