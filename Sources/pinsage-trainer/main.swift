import ArgumentParser
import Basics
import Configuration
import FrontDoor
import Training

/// The one process that computes: takes minibatches from samplers, learns, writes checkpoints.
struct TrainerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pinsage-trainer",
        abstract: "Trains from the minibatches that samplers send. `pinsage train` starts it, or start it by hand.",
        version: Build.version)

    @OptionGroup var options: RunOptions

    @Flag(help: "Continue from the newest checkpoint of the run.")
    var resume = false

    @OptionGroup var supervision: SupervisionOptions

    func run() throws {
        let stop = try StopToken()
        try supervision.follow()
        let settings = try options.settings()
        try requireDescriptors(64 + 4 * settings.samplers.count)
        let run = RunDirectory(path: settings.run)
        // What is wrong with the request is said before anything is written.
        let held = try run.lockExisting()
        let start = try TrainingStart(settings: settings, run: run, resume: resume)
        let lock = try run.open(holding: held)
        defer { withExtendedLifetime(lock) {} }
        var isReady = false
        let ending: Trainer.Ending
        do {
            let log = try RunLog.bootstrap(label: "trainer", path: run.logPath("trainer"), alsoStandardError: false)
            ending = try Trainer(settings: settings, run: run, stop: stop, log: log).train(from: start) {
                isReady = true
                supervision.reportReady()
            }
        } catch {
            if !isReady { lock.abandon() }
            throw error
        }
        if case .stopped(let step) = ending {
            // The supervisor says it for all.
            if supervision.supervisor != nil { throw ExitCode(3) }
            throw StoppedBySignal(command: "pinsage-trainer", isSaved: step > 0)
        }
    }
}

runFrontDoor(TrainerCommand.self)
