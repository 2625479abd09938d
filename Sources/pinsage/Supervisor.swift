import ArgumentParser
import Basics
import CPlatform
import Foundation
import FrontDoor

/// Starts one trainer and its sampler workers, starts a worker again that dies, and stops them all together.
///
/// A signal to the supervisor stops everything: the trainer writes a checkpoint first. Children get SIGTERM when the
/// supervisor itself is killed.
struct Supervisor {
    /// One process to run.
    struct Role {
        var name: String
        var executable: String
        var arguments: [String]
        /// Where its standard error goes; nil: to ours.
        var logPath: String?
    }

    var trainer: Role
    var samplers: [Role]

    /// Seconds a worker must live for its death to count as a new misfortune rather than the same one.
    private static let quickDeathSeconds = 5.0
    private static let quickDeathsMax = 5
    private static let samplerStopSeconds = 2.0
    private static let trainerStopSeconds = 20.0

    /// Runs until the trainer ends.
    /// - Throws: `SupervisorError`; `StoppedBySignal` when everything was stopped by a signal and saved.
    func run(stop: StopToken) throws {
        let wake = platform_event_descriptor()
        defer { close(wake) }
        let trainerProcess = try Child(trainer, wake: wake)
        var workers: [Worker] = []
        defer { stopAll([trainerProcess] + workers.compactMap(\.child)) }

        guard trainerProcess.waitUntilReady(wake: wake, stop: stop) else {
            return try finish(trainerProcess, stop: stop)
        }
        workers = try samplers.map { Worker(role: $0, child: try Child($0, wake: wake), startedAt: steadySeconds()) }
        while trainerProcess.isRunning, !stop.isStopped {
            waitForEvent(wake: wake, stop: stop)
            if !trainerProcess.isRunning { break }
            for index in workers.indices { try revive(&workers[index], wake: wake) }
        }
        try finish(trainerProcess, stop: stop)
    }

    private struct Worker {
        var role: Role
        var child: Child?
        var startedAt: Double
        var quickDeaths = 0
        var restartAt = 0.0
    }

    private func revive(_ worker: inout Worker, wake: Int32) throws {
        let now = steadySeconds()
        if let child = worker.child, !child.isRunning {
            worker.child = nil
            if child.endedWell { return }
            worker.quickDeaths = now - worker.startedAt < Self.quickDeathSeconds ? worker.quickDeaths + 1 : 1
            if worker.quickDeaths >= Self.quickDeathsMax {
                throw SupervisorError.workerKeepsDying(
                    name: worker.role.name, count: worker.quickDeaths, lastLine: lastLine(of: worker.role.logPath))
            }
            worker.restartAt = now + 0.1 * Double(1 << worker.quickDeaths)
            writeToStandardError("\(worker.role.name) \(child.ending); starting it again")
        }
        if worker.child == nil, worker.restartAt > 0, now >= worker.restartAt {
            worker.child = try Child(worker.role, wake: wake)
            worker.startedAt = now
            worker.restartAt = 0
        }
    }

    /// Waits for the trainer to end, with a deadline, and turns how it ended into this command's ending.
    private func finish(_ trainer: Child, stop: StopToken) throws {
        if stop.isStopped { trainer.terminate() }
        trainer.wait(seconds: stop.isStopped ? Self.trainerStopSeconds : .infinity)
        if trainer.isRunning {
            trainer.kill()
            throw SupervisorError.trainerHung(seconds: Self.trainerStopSeconds)
        }
        switch (trainer.reason, trainer.status) {
        case (.exit, 0): return
        case (.exit, 3): throw StoppedBySignal("stopped after a checkpoint; continue with --resume")
        case (.exit, let status): throw ExitCode(status)
        default: throw SupervisorError.trainerDied(ending: trainer.ending)
        }
    }

    private func stopAll(_ children: [Child]) {
        for child in children where child.isRunning { child.terminate() }
        let deadline = steadySeconds() + Self.samplerStopSeconds
        for child in children { child.wait(seconds: max(deadline - steadySeconds(), 0)) }
        for child in children where child.isRunning { child.kill() }
    }

    /// Sleeps until a child ends, a signal comes, or a tenth of a second has passed.
    private func waitForEvent(wake: Int32, stop: StopToken) {
        Child.waitForEvent(wake: wake, stop: stop, milliseconds: 100)
    }

    private func lastLine(of path: String?) -> String {
        guard let path, let text = try? String(contentsOfFile: path, encoding: .utf8) else { return "nothing" }
        return text.split(separator: "\n").last.map(String.init) ?? "nothing"
    }
}

enum SupervisorError: Error, CustomStringConvertible {
    case cannotStart(executable: String, reason: String)
    case workerKeepsDying(name: String, count: Int, lastLine: String)
    case trainerDied(ending: String)
    case trainerHung(seconds: Double)

    var description: String {
        switch self {
        case .cannotStart(let executable, let reason):
            "supervisor: \(executable): cannot be started: \(reason). Build it with `make build`."
        case .workerKeepsDying(let name, let count, let lastLine):
            "supervisor: \(name): died \(count) times right after its start; its last word: \(lastLine)"
        case .trainerDied(let ending):
            "supervisor: trainer \(ending). Continue from the newest checkpoint with --resume."
        case .trainerHung(let seconds):
            "supervisor: trainer: did not stop within \(Int(seconds)) s and was killed. "
                + "Continue from the newest checkpoint with --resume."
        }
    }
}
