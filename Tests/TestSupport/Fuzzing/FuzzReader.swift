import Basics

/// Bytes from outside in pieces: the frames of a message, the files of a folder, or one file alone.
public typealias FuzzParts = [[UInt8]]

/// A reader of outside bytes, with what is needed to attack it.
public struct FuzzReader {
    /// As it is called on command lines.
    public let name: String
    /// Inputs that must be accepted as they are.
    public let samples: [FuzzParts]
    /// Inputs made by hand to do harm: deep nesting, enormous claims. Mutated like the samples.
    public let traps: [FuzzParts]
    /// Makes lengths and checksums right again, so that the checks behind them are reached.
    public let reseal: (FuzzParts) -> FuzzParts
    /// Reads the parts and holds what was accepted against what it must be.
    ///
    /// Throws what the reader throws, or `FuzzFinding` for a value that should not have been accepted.
    public let read: (FuzzParts) throws -> Void
    /// Its own kinds of error.
    public let errors: [any Error.Type]

    public init(
        name: String, samples: [FuzzParts], traps: [FuzzParts] = [],
        reseal: @escaping (FuzzParts) -> FuzzParts = { $0 }, errors: [any Error.Type],
        read: @escaping (FuzzParts) throws -> Void
    ) {
        self.name = name
        self.samples = samples
        self.traps = traps
        self.reseal = reseal
        self.errors = errors
        self.read = read
    }

    /// What became of one input.
    public enum Outcome: Sendable {
        case refused
        case accepted
    }

    /// Reads one input.
    ///
    /// - Throws: `FuzzFinding` when the reader did what no reader may do.
    public func check(_ parts: FuzzParts) throws(FuzzFinding) -> Outcome {
        do {
            try read(parts)
            return .accepted
        } catch let finding as FuzzFinding {
            throw finding
        } catch {
            guard errors.contains(where: { $0 == type(of: error) }) else {
                throw FuzzFinding("not an error of this reader: \(type(of: error)): \(error)")
            }
            // As the commands and the logs show it.
            let line = oneLine("\(error)")
            guard line.hasSuffix(".") || line.hasSuffix("?"), !line.utf8.contains(where: { $0 < 32 }) else {
                throw FuzzFinding("not one line that says what to do: \(line.debugDescription)")
            }
            return .refused
        }
    }
}

/// Something that a reader of outside bytes must never do.
public struct FuzzFinding: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }

    /// Throws unless `condition` holds of an accepted value.
    public static func require(_ condition: Bool, _ what: @autoclosure () -> String) throws(FuzzFinding) {
        if !condition { throw FuzzFinding("accepted, but \(what())") }
    }
}
