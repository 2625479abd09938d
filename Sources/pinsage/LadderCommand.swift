import ArgumentParser
import Basics
import Configuration
import Evaluation
import FrontDoor

/// `pinsage ladder`: each part of the model alone and together, on one graph, with the same budget.
struct LadderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ladder",
        abstract: "Train and evaluate every rung, from content alone to the whole configuration, with several seeds.",
        discussion: """
            Writes ladder.md, ladder.json and ladder.svg into the folder. One training after another, as `pinsage train` \
            does it. Ctrl-C stops it; the same command goes on where it was. What was measured with the same settings, \
            graph and pairs is not measured again.

            Rungs: \(Rung.all.map(\.name).joined(separator: ", ")).
            """)

    @Option(help: "Config file: the settings that the rungs change, and how long each trains.")
    var config: String

    @Option(help: "Held-out pairs: one query TAB positive a line, external ids; perhaps a third column, their board.")
    var pairs: String

    @Option(help: ArgumentHelp("The folder to write.", valueName: "folder"))
    var out: String

    @Option(help: "Seeds, the config's and those after it.")
    var seeds = 5

    @Option(help: "Rungs, separated by commas. (default: all)", transform: chosenRungs)
    var rungs = Rung.all

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Override one setting of the config; may be repeated.", valueName: "section.key=value"))
    var overrides: [String] = []

    @Option(help: "Threads of embedding and ranking. Changes no figure.")
    var threads = availableThreads()

    func validate() throws {
        guard threads >= 1 else { throw ValidationError("--threads is \(threads): expected 1 or more") }
        guard (1...Estimate.countMax).contains(seeds) else {
            throw ValidationError("--seeds is \(seeds): expected 1 to \(Estimate.countMax)")
        }
    }

    func run() throws {
        let stop = try StopToken()
        let settings = try PipelineSettings.load(path: config, overrides: overrides)
        let climb = try LadderRun(
            settings: settings, pairsPath: pairs, folder: out, rungs: rungs, seedCount: seeds, threads: threads,
            stop: stop)
        let report = try climb.run(config: config, overrides: overrides)
        try LadderRun.write(report, to: out)
        writeToStandardError(report.markdown + "\n\(out)/ladder.md, ladder.json, ladder.svg")
    }
}

/// Chosen rungs come in the order of the table.
private func chosenRungs(_ text: String) throws -> [Rung] {
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    if let unknown = names.first(where: { Rung.named($0) == nil }) {
        throw ValidationError(
            "--rungs names \"\(unknown)\": expected some of \(Rung.all.map(\.name).joined(separator: ","))")
    }
    return Rung.all.filter { names.contains($0.name) }
}
