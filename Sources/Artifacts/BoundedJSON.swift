import Foundation

/// JSON in UTF-8 that nests no deeper than this project writes it.
///
/// Foundation's decoder traps where the bracket that is one too many for it, the 513th, is the last byte (Swift 6.3):
/// the depth is checked before it sees the bytes.
public enum BoundedJSON {
    public static let depthMax = 16

    /// Decodes a value.
    ///
    /// - Throws: `DecodingError`, also for a depth of more than `depthMax` or a zero byte, as UTF-16 would have.
    /// - Complexity: O(bytes).
    public static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
        guard isBounded(data) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: [], debugDescription: "deeper than \(depthMax), or not UTF-8"))
        }
        return try JSONDecoder().decode(type, from: data)
    }

    private static func isBounded(_ data: Data) -> Bool {
        var depth = 0
        var isInString = false
        var isEscaped = false
        for byte in data {
            switch byte {
            case 0: return false
            case _ where isEscaped: isEscaped = false
            case UInt8(ascii: "\\") where isInString: isEscaped = true
            case UInt8(ascii: "\""): isInString.toggle()
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                if !isInString { depth += 1 }
                if depth > depthMax { return false }
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if !isInString { depth -= 1 }
            default: break
            }
        }
        return true
    }
}
