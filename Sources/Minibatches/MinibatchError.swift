import Artifacts

/// Why received bytes are not a minibatch or a control message, or why a minibatch cannot be used.
///
/// Bytes come from other processes and hosts, so each of these is expected to happen: the receiver counts it, logs
/// the line, drops the batch and has it made again.
public enum MinibatchError: Error, Equatable {
    case frameCount(expected: Int, found: Int)
    /// A field of the header frame, or of a control message, does not say what it must.
    case malformed(field: String, expected: String, found: String)
    /// Made by another version of this program.
    case version(expected: Int, found: Int)
    case tooLarge(byteCountMax: Int, byteCount: Int)
    case frameLength(array: String, expectedBytes: Int, foundBytes: Int)
    case checksum(array: String)
    /// Made from another graph, seed or setting.
    case foreignRecipe(expected: UInt64, found: UInt64)
    /// Made with another table of hard negatives than this epoch's.
    case foreignTable(expected: UInt64, found: UInt64)
    case count(of: String, expected: String, found: Int)
    case offset(array: String, at: Int, expected: String, found: Int)
    case indexOutOfRange(array: String, at: Int, bound: Int, found: Int)
    /// A weight or a feature is not a number that can be used.
    case value(array: String, at: Int, expected: String, found: String)
}

extension MinibatchError: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch self {
        case .frameCount(let expected, let found):
            "minibatch: frames: wrong number: expected \(expected), found \(found)."
        case .malformed(let field, let expected, let found):
            "minibatch: \(field): malformed: expected \(expected), found \(found)."
        case .version(let expected, let found):
            "minibatch: header: wrong version: expected \(expected), found \(found). "
                + "Use the same build for samplers and trainer."
        case .tooLarge(let byteCountMax, let byteCount):
            "minibatch: frames: too large: expected at most \(byteCountMax) bytes, found \(byteCount)."
        case .frameLength(let array, let expected, let found):
            "minibatch: \(array): wrong length: expected \(expected) bytes, found \(found)."
        case .checksum(let array):
            "minibatch: \(array): checksum mismatch: the bytes are not those that were sent."
        case .foreignRecipe(let expected, let found):
            "minibatch: recipe: made from another graph or configuration: expected \(Checksum.hex(expected)), "
                + "found \(Checksum.hex(found)). Start the samplers with the trainer's configuration."
        case .foreignTable(let expected, let found):
            "minibatch: hard negatives: made with another table: expected \(Checksum.hex(expected)), "
                + "found \(Checksum.hex(found)). The batch is made again."
        case .count(let name, let expected, let found):
            "minibatch: \(name): wrong count: expected \(expected), found \(found)."
        case .offset(let array, let at, let expected, let found):
            "minibatch: \(array)[\(at)]: bad offset: expected \(expected), found \(found)."
        case .indexOutOfRange(let array, let at, let bound, let found):
            "minibatch: \(array)[\(at)]: out of range: expected 0 ..< \(bound), found \(found)."
        case .value(let array, let at, let expected, let found):
            "minibatch: \(array)[\(at)]: bad value: expected \(expected), found \(found)."
        }
    }
}
