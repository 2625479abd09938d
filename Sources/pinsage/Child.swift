import Basics
import Foundation

/// A process that this one started.
final class Child: @unchecked Sendable {
    private let process = Process()
    private let output = Pipe()

    /// - Parameter wake: rings when the child ends, perhaps after this object has gone.
    init(_ role: Supervisor.Role, wake: WakeEvent) throws {
        process.executableURL = URL(fileURLWithPath: role.executable)
        process.arguments = role.arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        if let path = role.logPath {
            let descriptor = unsafe open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                throw SupervisorError.cannotStart(
                    executable: role.executable, reason: "\(path): \(unsafe String(cString: strerror(errno)))")
            }
            process.standardError = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        }
        process.terminationHandler = { _ in wake.ring() }
        do {
            try process.run()
        } catch {
            throw SupervisorError.cannotStart(executable: role.executable, reason: error.localizedDescription)
        }
    }

    var isRunning: Bool { process.isRunning }
    var status: Int32 { process.terminationStatus }
    var reason: Process.TerminationReason { process.terminationReason }
    /// It said itself what is wrong; that will be wrong the next time too.
    var endedInError: Bool { reason == .exit && (status == 1 || status == 2) }
    var endedWell: Bool { reason == .exit && status == 0 }
    var ending: String { reason == .exit ? "ended with exit code \(status)" : "was ended by signal \(status)" }

    /// Processor time that it has used so far, in seconds.
    var processorSeconds: Double {
        let path = "/proc/\(process.processIdentifier)/stat"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), let name = text.lastIndex(of: ")") else {
            return 0
        }
        // After the name, which may hold anything: state, ten numbers, then user and system time in ticks.
        let fields = text[name...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    func terminate() { _ = Foundation.kill(process.processIdentifier, SIGTERM) }
    func kill() { _ = Foundation.kill(process.processIdentifier, SIGKILL) }

    /// Waits until the child has written its first line, which says that it is ready.
    /// - Returns: false when it ended, or a signal came, before that.
    func waitUntilReady(wake: WakeEvent, stop: StopToken) -> Bool {
        let descriptor = output.fileHandleForReading.fileDescriptor
        while isRunning, !stop.isStopped {
            if Self.isReadable(descriptor) { return !output.fileHandleForReading.availableData.isEmpty }
            Self.waitForEvent(wake: wake, stop: stop, milliseconds: 20)
        }
        return false
    }

    func wait(seconds: Double) {
        var left = seconds
        while process.isRunning, left > 0 {
            usleep(10_000)
            left -= 0.01
        }
    }

    /// Sleeps until a child ends, a signal comes, or the time has passed.
    static func waitForEvent(wake: WakeEvent, stop: StopToken, milliseconds: Int32) {
        var items = [
            pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        unsafe poll(&items, nfds_t(items.count), milliseconds)
        wake.drain()
        stop.drainSignals()
    }

    private static func isReadable(_ descriptor: Int32) -> Bool {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&item, 1, 0) > 0
    }
}

/// The path of this executable, links followed.
var ownExecutable: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
}

/// The last line of a process's log; nil where there is none.
func lastLine(ofLog path: String) -> String? {
    (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n").last.map(String.init)
}
