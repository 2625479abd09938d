import Foundation
import TestSupport

/// Runs the executables under test, as a user would.
struct Ended {
    var code: Int32
    var output: String
    var error: String

    /// Lines of standard error that are not empty.
    var errorLines: [String] { error.split(separator: "\n").map(String.init) }
}

/// A running process: an executable of this package, or a tool that a user would type.
final class RealProcess: @unchecked Sendable {
    private let process = Process()
    private let streams: TemporaryDirectory

    /// - Parameters:
    ///   - name: `pinsage`, `pinsage-trainer` or `pinsage-sampler`, built beside the tests; or any executable's path.
    ///   - wrapper: a command line that the executable and its arguments are appended to.
    ///   - environment: variables beside those of the tests.
    ///   - isUnprivileged: whether to run as nobody where the tests run as root.
    ///   - terminal: what standard error is, in place of a file.
    init(
        _ name: String, _ arguments: [String], in folder: String, isUnprivileged: Bool = false,
        under wrapper: [String] = [], environment: [String: String] = [:], terminal: FileHandle? = nil
    ) throws {
        streams = try TemporaryDirectory()
        for stream in ["out", "err"] { try streams.write("", to: stream) }
        let executable = name.hasPrefix("/") ? name : try Self.built(name)
        let nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        let command = (isUnprivileged && geteuid() == 0 ? nobody : wrapper) + [executable] + arguments
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardOutput = FileHandle(forWritingAtPath: streams.file("out"))
        process.standardError = terminal ?? FileHandle(forWritingAtPath: streams.file("err"))
        try process.run()
    }

    /// The path of an executable of this package.
    static func built(_ name: String) throws -> String {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent(name).path
    }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }
    /// Standard error so far.
    var error: String { (try? streams.text("err")) ?? "" }

    /// Largest resident memory so far, mapped files included, in bytes; 0 when it has ended.
    var peakBytes: Int { bytes("VmHWM") }
    /// Resident memory that is no file's, in bytes; 0 when it has ended.
    var ownBytes: Int { bytes("RssAnon") }

    private func bytes(_ key: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix(key + ":") }
        let words = line?.split { $0 == " " || $0 == "\t" } ?? []
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0) << 10
    }

    func send(_ signal: Int32) { _ = kill(process.processIdentifier, signal) }

    /// Waits for the end; kills the process when it takes longer than `seconds`.
    func end(within seconds: Double = 120) -> Ended {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while process.isRunning, Date() < deadline { usleep(2_000) }
        if process.isRunning { send(SIGKILL) }
        process.waitUntilExit()
        return Ended(
            code: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: (try? streams.text("out")) ?? "", error: error)
    }
}

/// Runs `pinsage` to its end, and looks at its memory meanwhile.
func pinsageWithPeak(_ arguments: [String], in folder: String) throws -> (ended: Ended, peakBytes: Int) {
    let process = try RealProcess("pinsage", arguments, in: folder)
    var most = 0
    while process.isRunning {
        most = max(most, process.peakBytes)
        usleep(2000)
    }
    return (process.end(), most)
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
