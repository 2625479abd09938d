import ArgumentParser
import Basics
import Foundation
import FrontDoor

/// Starts one trainer, its sampler workers and where it has one its companion, starts again what dies, and stops them
/// all together.
///
/// The companion may outlive the trainer: it ends by itself when its last duty is done. Without it a run cannot go on.
/// A worker that keeps dying is given up, and the others go on; a run without any worker ends with its last word.
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
    var companion: Role?
    /// Where the trainer names its newest checkpoint.
    var latestCheckpoint: String
    /// Seconds that the trainer may stand still while it stops.
    var stopSeconds: Double

    /// Seconds a worker must live for its death to count as a new misfortune rather than the same one.
    private static let quickDeathSeconds = 5.0
    private static let quickDeathsMax = 5
    private static let samplerStopSeconds = 2.0
    /// After so long it is said what a stop waits for.
    private static let silentStopSeconds = 2.0
    /// A second signal within this time is the first one again.
    private static let sameSignalSeconds = 0.5
    /// Share of the time for which a trainer that computes has a processor, at least: its other threads use less.
    private static let workShare = 0.05

    /// Runs until the trainer ends.
    /// - Parameter whenReady: called once workers may come.
    /// - Throws: `SupervisorError`; `StoppedBySignal` when everything was stopped by a signal and saved.
    func run(stop: StopToken, whenReady: () -> Void) throws {
        let wake = try WakeEvent()
        let trainerProcess = try Child(trainer, wake: wake)
        var workers: [Worker] = []
        var companions: [Worker] = []
        defer { stopAll([trainerProcess] + (workers + companions).compactMap(\.child)) }

        guard trainerProcess.waitUntilReady(wake: wake, stop: stop) else {
            return try finish(trainerProcess, wake: wake, stop: stop)
        }
        whenReady()
        func start(_ role: Role) throws -> Worker {
            Worker(role: role, child: try Child(role, wake: wake), startedAt: steadySeconds())
        }
        do {
            companions = try companion.map { [try start($0)] } ?? []
            for role in samplers { workers.append(try start(role)) }
            while !stop.isStopped,
                trainerProcess.isRunning || trainerProcess.endedWell && companions.contains(where: \.isAtWork)
            {
                waitForEvent(wake: wake, stop: stop)
                for index in companions.indices { try revive(&companions[index], wake: wake) }
                if let fault = companions.lazy.compactMap(\.fault).first { throw fault }
                if !trainerProcess.isRunning { continue }
                for index in workers.indices { try revive(&workers[index], wake: wake) }
                if let first = workers.first?.fault, workers.allSatisfy({ $0.fault != nil }) { throw first }
                for index in workers.indices { announce(&workers[index]) }
            }
        } catch {
            try? stopTrainer(trainerProcess, wake: wake, stop: stop)
            throw error
        }
        try finish(trainerProcess, wake: wake, stop: stop)
    }

    private struct Worker {
        var role: Role
        var child: Child?
        var startedAt: Double
        var quickDeaths = 0
        var restartAt = 0.0
        /// Why it is not started any more.
        var fault: SupervisorError?
        var isAnnounced = false

        /// Whether it runs, or will be started again.
        var isAtWork: Bool { fault == nil && (child != nil || restartAt > 0) }
    }

    private func revive(_ worker: inout Worker, wake: WakeEvent) throws {
        let now = steadySeconds()
        if let child = worker.child, !child.isRunning {
            worker.child = nil
            if child.endedWell { return }
            let isQuick = now - worker.startedAt < Self.quickDeathSeconds
            worker.quickDeaths = isQuick ? worker.quickDeaths + 1 : 1
            let word = lastLine(of: worker.role.logPath)
            if isQuick, child.endedInError {
                worker.fault = .workerFailed(name: worker.role.name, lastLine: word)
            } else if worker.quickDeaths >= Self.quickDeathsMax {
                worker.fault = .workerKeepsDying(name: worker.role.name, count: worker.quickDeaths, lastLine: word)
            }
            if worker.fault != nil {
                worker.restartAt = now + Self.quickDeathSeconds
                return
            }
            worker.restartAt = now + 0.1 * Double(1 << worker.quickDeaths)
            writeToStandardError("\(worker.role.name) \(child.ending); starting it again")
        }
        if worker.child == nil, worker.fault == nil, worker.restartAt > 0, now >= worker.restartAt {
            worker.child = try Child(worker.role, wake: wake)
            worker.startedAt = now
            worker.restartAt = 0
        }
    }

    /// Says that a worker is given up, once the others have shown that they live: else there is one word for all.
    private func announce(_ worker: inout Worker) {
        guard let fault = worker.fault, !worker.isAnnounced, steadySeconds() >= worker.restartAt else { return }
        worker.isAnnounced = true
        writeToStandardError("\(fault) The run goes on without it.")
    }

    /// Waits for the trainer to end, and turns how it ended into this command's ending.
    private func finish(_ trainer: Child, wake: WakeEvent, stop: StopToken) throws {
        if stop.isStopped {
            try stopTrainer(trainer, wake: wake, stop: stop)
        } else {
            trainer.wait(seconds: .infinity)
        }
        switch (trainer.reason, trainer.status) {
        case (.exit, 0): return
        case (.exit, 3): throw stopped
        case (.exit, let status): throw ExitCode(status)
        // The signal came before the trainer had begun to listen for it.
        case (.uncaughtSignal, SIGTERM) where stop.isStopped, (.uncaughtSignal, SIGINT) where stop.isStopped:
            throw stopped
        default: throw SupervisorError.trainerDied(ending: trainer.ending)
        }
    }

    /// Tells the trainer to stop, and waits while it finishes its step and writes its checkpoint.
    /// - Throws: `SupervisorError` when it was killed: it stood still, or another signal came.
    private func stopTrainer(_ trainer: Child, wake: WakeEvent, stop: StopToken) throws {
        trainer.terminate()
        let start = steadySeconds()
        var signals = stop.signalCount
        var isAnnounced = false
        var (lastAtWork, processorSeconds) = (start, trainer.processorSeconds)
        while trainer.isRunning {
            waitForEvent(wake: wake, stop: stop)
            let now = steadySeconds()
            // One keystroke may arrive as two signals.
            if now - start < Self.sameSignalSeconds { signals = stop.signalCount }
            if stop.signalCount > signals {
                trainer.kill()
                throw SupervisorError.trainerKilled
            }
            if now - start > Self.silentStopSeconds, !isAnnounced {
                isAnnounced = true
                writeToStandardError("the trainer finishes its step and writes a checkpoint; another Ctrl-C kills it")
            }
            if trainer.processorSeconds - processorSeconds >= stopSeconds * Self.workShare {
                (lastAtWork, processorSeconds) = (now, trainer.processorSeconds)
            }
            if now - lastAtWork > stopSeconds {
                trainer.kill()
                throw SupervisorError.trainerHung(seconds: stopSeconds)
            }
        }
    }

    private var stopped: StoppedBySignal {
        StoppedBySignal(
            command: "pinsage train", isSaved: FileManager.default.fileExists(atPath: latestCheckpoint))
    }

    private func stopAll(_ children: [Child]) {
        for child in children where child.isRunning { child.terminate() }
        let deadline = steadySeconds() + Self.samplerStopSeconds
        for child in children { child.wait(seconds: max(deadline - steadySeconds(), 0)) }
        for child in children where child.isRunning { child.kill() }
    }

    /// Sleeps until a child ends, a signal comes, or a tenth of a second has passed.
    private func waitForEvent(wake: WakeEvent, stop: StopToken) {
        Child.waitForEvent(wake: wake, stop: stop, milliseconds: 100)
    }

    private func lastLine(of path: String?) -> String {
        let line = path.flatMap(lastLine(ofLog:)) ?? "nothing"
        return ["pinsage-sampler: ", "pinsage mine: "].reduce(line) { $0.replacing($1, with: "", maxReplacements: 1) }
    }
}

enum SupervisorError: Error, CustomStringConvertible {
    case missingExecutable(path: String)
    case cannotStart(executable: String, reason: String)
    case workerFailed(name: String, lastLine: String)
    case workerKeepsDying(name: String, count: Int, lastLine: String)
    case trainerDied(ending: String)
    case trainerHung(seconds: Double)
    case trainerKilled

    var description: String {
        switch self {
        case .cannotStart(let executable, let reason):
            "supervisor: \(executable): cannot start: expected a process, found: \(reason). "
                + "Build it with `make build`."
        case .missingExecutable(let path):
            "supervisor: \(path): missing executable: expected it beside pinsage, found none. "
                + "Build it with `make build`."
        case .workerFailed(let name, let lastLine):
            "supervisor: \(name): \(lastLine)"
        case .workerKeepsDying(let name, let count, let lastLine):
            "supervisor: \(name): keeps dying: expected it to live, found \(count) deaths right after its start; "
                + "its last word: \(lastLine). See its log, then continue with --resume."
        case .trainerDied(let ending):
            "supervisor: trainer: died: expected an exit code, found that it \(ending). "
                + "Continue from the newest checkpoint with --resume."
        case .trainerHung(let seconds):
            "supervisor: trainer: hangs: expected it to stop or to compute, found neither for \(seconds) s and killed it. "
                + "Continue from the newest checkpoint with --resume."
        case .trainerKilled:
            "supervisor: trainer: killed: expected it to finish its step, found another signal first. "
                + "Continue from the newest checkpoint with --resume."
        }
    }
}
