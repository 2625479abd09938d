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
}

/// Process ids of the workers that joined a run, by name, as the trainer's log has them.
func workerPids(run: String) -> [String: Int32] {
    let log = (try? String(contentsOfFile: "\(run)/logs/trainer.log", encoding: .utf8)) ?? ""
    var pids: [String: Int32] = [:]
    for line in log.split(separator: "\n") where line.contains("worker joined") {
        let fields = line.split(separator: " ").map { $0.split(separator: "=").map(String.init) }
        let name = fields.first { $0.first == "worker" && $0.count == 2 }?[1]
        let pid = fields.first { $0.first == "pid" && $0.count == 2 }.flatMap { Int32($0[1]) }
        if let name, let pid { pids[name] = pid }
    }
    return pids
}

/// Runs `pinsage` to its end.
func pinsage(_ arguments: String..., in folder: String, within seconds: Double = 120) throws -> Ended {
    try RealProcess("pinsage", arguments, in: folder).end(within: seconds)
}
