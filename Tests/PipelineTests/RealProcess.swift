import Foundation

/// Runs the executables under test, as a user would.
struct Ended {
    var code: Int32
    var output: String
    var error: String

    /// Lines of standard error that are not empty.
    var errorLines: [String] { error.split(separator: "\n").map(String.init) }
}

/// A running executable of this package.
final class RealProcess: @unchecked Sendable {
    private let process = Process()
    private let folder: String
    private let outputPath: String
    private let errorPath: String

    /// - Parameter name: `pinsage`, `pinsage-trainer` or `pinsage-sampler`, built beside the tests.
    init(_ name: String, _ arguments: [String], in folder: String) throws {
        self.folder = folder
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let built = URL(fileURLWithPath: tests).deletingLastPathComponent()
        let id = UUID().uuidString
        outputPath = "\(folder)/\(id).out"
        errorPath = "\(folder)/\(id).err"
        for path in [outputPath, errorPath] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        process.executableURL = built.appendingPathComponent(name)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardOutput = FileHandle(forWritingAtPath: outputPath)
        process.standardError = FileHandle(forWritingAtPath: errorPath)
        try process.run()
    }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    func send(_ signal: Int32) { _ = kill(process.processIdentifier, signal) }

    /// Waits for the end; kills the process when it takes longer than `seconds`.
    func end(within seconds: Double = 120) -> Ended {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while process.isRunning, Date() < deadline { usleep(5_000) }
        if process.isRunning { send(SIGKILL) }
        process.waitUntilExit()
        return Ended(
            code: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "",
            error: (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "")
    }

    /// Words of a process's command line, with spaces between; empty when there is no such process.
    static func commandLine(_ pid: Int32) -> String {
        guard let file = FileHandle(forReadingAtPath: "/proc/\(pid)/cmdline") else { return "" }
        return String(decoding: file.readDataToEndOfFile(), as: UTF8.self).replacingOccurrences(of: "\0", with: " ")
    }

    /// Process ids of the workers whose command line holds `text`.
    static func pids(matching text: String) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap(Int32.init).filter { pid in
            commandLine(pid).contains(text)
        }
    }
}

/// Runs `pinsage` to its end.
func pinsage(_ arguments: String..., in folder: String, within seconds: Double = 120) throws -> Ended {
    try RealProcess("pinsage", arguments, in: folder).end(within: seconds)
}
