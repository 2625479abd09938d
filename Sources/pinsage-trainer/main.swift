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
        let run = RunDirectory(path: settings.run)
        try run.create()
        let lock = try run.lock()
        let log = try RunLog.bootstrap(label: "trainer", path: run.logPath("trainer"), alsoStandardError: false)
        let ending: Trainer.Ending
        do {
            ending = try Trainer(settings: settings, run: run, stop: stop, log: log)
                .train(resume: resume, whenReady: supervision.reportReady)
        } catch {
            log.critical("\(error)")
            throw error
        }
        withExtendedLifetime(lock) {}
        if case .stopped(let step) = ending {
            throw StoppedBySignal("pinsage-trainer: stopped at step \(step), everything up to it is saved")
        }
    }
}

runFrontDoor(TrainerCommand.self)
