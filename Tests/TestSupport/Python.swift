import Foundation

/// Runs short Python programs, to check files against NumPy itself.
public enum Python {
    /// Whether `python3` can import numpy here.
    public static let hasNumPy = canImport("numpy")

    /// Whether `python3` can import all of `modules`, separated by commas.
    public static func canImport(_ modules: String) -> Bool { (try? run("import \(modules)", in: "/")) != nil }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Runs `program` in `folder`; throws with its messages when it fails.
    @discardableResult
    public static func run(_ program: String, in folder: String) throws -> String {
        try run(["-c", program], in: folder)
    }

    /// Runs `python3` with `arguments`; throws with what it printed when it fails.
    @discardableResult
    public static func run(_ arguments: [String], in folder: String = "/") throws -> String {
        let process = Process()
        let (output, errors) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let problem = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: "python3: \(text)\(problem)") }
        return text
    }
}
