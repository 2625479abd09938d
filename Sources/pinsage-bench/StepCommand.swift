import ArgumentParser
import Basics
import Foundation
import Kernels
import PinSageModel

/// `pinsage-bench step`: the whole training step, and where its time goes.
struct StepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step",
        abstract: "Time the training step on real minibatches, part by part beside the machine's limits.",
        discussion: """
            512 pairs, 500 shared negatives, 25 neighbours; batches of citeulike-t if the environment variable \
            PINSAGE_DATA names the folder that holds it, else of a generated graph. A step is all that the trainer \
            does with a batch that has arrived: gather features, forward, loss, backward, Adam.
            """)

    @Option(help: ArgumentHelp("Rounds, 1 … 1000.", valueName: "n"))
    var rounds = 15

    @Option(help: ArgumentHelp("Different minibatches, taken in turn, 1 … 100.", valueName: "n"))
    var batches = 4

    @Option(help: ArgumentHelp("Numbers of threads. (default: 1 and every processor)", valueName: "n,…"))
    var threads: String?

    @Option(help: ArgumentHelp("Hidden width m, 1 … 8192.", valueName: "m"))
    var hidden = 128

    @Option(help: ArgumentHelp("Output width d, 1 … 8192.", valueName: "d"))
    var output = 64

    @Option(help: ArgumentHelp("Operands of products: float32 or bfloat16.", valueName: "precision"))
    var precision = Precision.float32

    @Option(
        help: ArgumentHelp(
            "Time nothing: write the first batch, parameters, loss and gradients to this folder as .npy.",
            valueName: "folder"))
    var dump: String?

    @Flag(help: "Print the result as one JSON object on stdout.")
    var json = false

    func validate() throws {
        guard (1...1000).contains(rounds), (1...100).contains(batches) else {
            throw ValidationError("--rounds, --batches: expected 1 … 1000 and 1 … 100, found \(rounds) and \(batches).")
        }
        guard (1...8192).contains(hidden), (1...8192).contains(output) else {
            throw ValidationError("--hidden, --output: expected 1 … 8192, found \(hidden) and \(output).")
        }
        guard precision == .float32 || Precision.hasBFloat16 else {
            throw ValidationError("--precision bfloat16: expected a CPU with AVX512_BF16, found none. Use float32.")
        }
        guard parseThreads(threads) != nil else {
            throw ValidationError("--threads: expected numbers from 1 to 1024, found \(threads ?? "").")
        }
    }

    func run() throws {
        let fixture = try StepFixture(
            data: ProcessInfo.processInfo.environment["PINSAGE_DATA"], hiddenWidth: hidden, outputWidth: output,
            batchCount: dump == nil ? batches : 1)
        if let dump { return try StepDump(fixture).write(to: dump) }
        let teams = (parseThreads(threads) ?? [1]).map {
            Kernels(team: ThreadTeam(threads: $0), precision: precision)
        }
        let report = try StepRounds(fixture: fixture, kernels: teams).run(rounds: rounds)
        if json { try printJSON(report) } else { print(report.table) }
    }
}

extension Precision: ExpressibleByArgument {}

/// Numbers of threads from `1,2`; nil of anything else. Of no text: 1 and every processor.
func parseThreads(_ text: String?) -> [Int]? {
    guard let text else { return Set([1, ProcessInfo.processInfo.activeProcessorCount]).sorted() }
    let numbers = text.split(separator: ",").map { Int($0) ?? 0 }
    return numbers.isEmpty || !numbers.allSatisfy((1...1024).contains) ? nil : numbers
}

/// Rounds of steps, interleaved over the numbers of threads.
private struct StepRounds {
    let fixture: StepFixture
    let kernels: [Kernels]

    func run(rounds: Int) throws -> StepReport {
        var limits = [MachineLimits](repeating: MachineLimits(), count: kernels.count)
        var runners = kernels.map { StepRunner(fixture, $0) }
        for index in runners.indices {
            for batch in fixture.batches.indices { _ = try runners[index].step(batch) }
        }
        let line = ProgressLine()
        for round in 0..<rounds {
            line.update("round \(round + 1) of \(rounds)")
            for index in runners.indices {
                limits[index].measure(kernels[index])
                for batch in fixture.batches.indices { try runners[index].timedStep(batch) }
            }
        }
        line.finish("\(rounds) rounds of \(fixture.batches.count) batches")
        return StepReport(
            machine: Machine(kernels.first?.instructionSet ?? .best), source: fixture.source,
            model: "\(fixture.shape), \(kernels.first?.precision.rawValue ?? "")",
            steps: zip(runners, limits).map { $0.report($1) })
    }
}

/// A learner of its own with what it took.
struct StepRunner {
    private let fixture: StepFixture
    private let learner: Learner
    private let kernels: Kernels
    private let meter = KernelMeter()
    private let features = FloatBuffer()
    private var whole = Samples()
    // The calls of the first batch: others have other rows.
    private var calls: [KernelMeter.Call] = []
    private var partSamples: [Samples] = []

    init(_ fixture: StepFixture, _ kernels: Kernels) {
        self.fixture = fixture
        var kernels = kernels
        kernels.meter = meter
        self.kernels = kernels
        learner = fixture.learner(kernels)
    }

    mutating func step(_ batch: Int) throws -> StepResult {
        meter.reset()
        let minibatch = fixture.batches[batch]
        return try learner.step(
            minibatch, features: fixture.inputs(minibatch, with: kernels, into: features), learningRate: 1e-3)
    }

    mutating func timedStep(_ batch: Int) throws {
        let start = steadySeconds()
        _ = try step(batch)
        whole.add(steadySeconds() - start)
        guard batch == 0 else { return }
        calls = meter.calls
        if partSamples.isEmpty { partSamples = [Samples](repeating: Samples(), count: calls.count) }
        for (index, call) in calls.enumerated() { partSamples[index].add(call.seconds) }
    }

    func report(_ limits: MachineLimits) -> StepReport.Step {
        let parts = zip(calls, partSamples).map { call, samples in
            StepReport.Part(
                name: call.name, rows: call.rows, seconds: samples.median,
                floorSeconds: max(call.operations / limits.operations(kernels.precision), call.bytes / limits.read))
        }
        return StepReport.Step(
            threads: kernels.team.threadCount, seconds: whole.median, fastestSeconds: whole.fastest,
            spread: whole.spread, float32Gflops: limits.float32 / 1e9, readGbs: limits.read / 1e9,
            floorSeconds: parts.reduce(0) { $0 + $1.floorSeconds }, parts: parts)
    }
}

/// What a training step takes, and its parts.
struct StepReport: Encodable {
    struct Part: Encodable {
        let name: String
        let rows: Int
        let seconds: Double
        /// The least time that its operations and bytes take at the machine's limits.
        let floorSeconds: Double
    }

    struct Step: Encodable {
        let threads: Int
        let seconds: Double
        let fastestSeconds: Double
        let spread: Double
        let float32Gflops: Double
        let readGbs: Double
        let floorSeconds: Double
        /// Every kernel call of the first batch, in order.
        let parts: [Part]
    }

    let machine: Machine
    let source: String
    let model: String
    let steps: [Step]

    /// For people: Markdown.
    var table: String {
        var lines = ["\(machine.cpu), \(machine.processors) processors, \(machine.instructionSet)"]
        lines.append("\(source); \(model)")
        for step in steps {
            lines += ["", headline(step)]
            lines += ["", "| part | rows | ms | floor ms | share |", "|---|---|---|---|---|"]
            for part in step.parts + [rest(of: step)] {
                lines.append(
                    String(
                        format: "| %@ | %d | %.3f | %.3f | %.0f %% |", part.name, part.rows, 1e3 * part.seconds,
                        1e3 * part.floorSeconds, 100 * part.floorSeconds / max(part.seconds, 1e-9)))
            }
        }
        return lines.joined(separator: "\n")
    }

    private func headline(_ step: Step) -> String {
        String(
            format:
                "%d thread%@: %.2f ms a step (± %.0f %%), floor of its kernels %.2f ms; limits %.0f GFLOP/s, %.1f GB/s",
            step.threads, step.threads == 1 ? "" : "s", 1e3 * step.seconds, 100 * step.spread,
            1e3 * step.floorSeconds, step.float32Gflops, step.readGbs)
    }

    /// What lies between the kernels.
    private func rest(of step: Step) -> Part {
        let parts = step.parts.reduce(0) { $0 + $1.seconds }
        return Part(name: "between kernels", rows: 0, seconds: max(0, step.seconds - parts), floorSeconds: 0)
    }
}
