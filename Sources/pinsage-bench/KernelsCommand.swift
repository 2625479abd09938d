import ArgumentParser
import Basics
import Foundation
import Kernels

/// `pinsage-bench kernels`: every kernel at every shape, checked against its formula and then timed.
struct KernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels",
        abstract: "Check every kernel against its formula, then time it beside the machine's limits.",
        discussion: """
            All figures come from one run: in each round the limits are measured, then each kernel, with each number \
            of threads. Shown are the median, half the distance between the quartiles, and the share of the floor: \
            the time that the operations take at the limit of multiply-adds in registers, or the bytes at the limit \
            of reading in order, whichever is longer; for pooling, at that of reading rows all over a table.
            """)

    @Option(help: ArgumentHelp("Rounds, 1 … 1000.", valueName: "n"))
    var rounds = 7

    @Option(help: ArgumentHelp("Numbers of threads. (default: 1 and every processor)", valueName: "n,…"))
    var threads: String?

    @Option(help: ArgumentHelp("Only these kernels: nn, nt, tn, gather_pool, … (default: all)", valueName: "kernel,…"))
    var only: String?

    @Flag(help: "Print the result as one JSON object on stdout.")
    var json = false

    func validate() throws {
        guard (1...1000).contains(rounds) else {
            throw ValidationError("--rounds: expected 1 … 1000, found \(rounds).")
        }
        guard parseThreads(threads) != nil else {
            throw ValidationError("--threads: expected numbers from 1 to 1024, found \(threads ?? "").")
        }
    }

    func run() throws {
        let wanted = only?.split(separator: ",").map(String.init)
        let cases = wanted.map { names in allCases().filter { names.contains($0.kernel) } } ?? allCases()
        guard !cases.isEmpty else { throw BenchError.noSuchKernel(only ?? "") }
        let report = try KernelRounds(cases: cases, threadCounts: parseThreads(threads) ?? [1]).run(rounds: rounds)
        if json { try printJSON(report) } else { print(report.table) }
    }

    private func allCases() -> [KernelCase] { productCases() + poolCases() + rowCases() }
}

enum BenchError: Error, CustomStringConvertible {
    case noSuchKernel(String)
    case noFeatures(String)
    case noEdges(String)
    case samplerEnded(String)
    case wrong(kernel: String, difference: String)

    var description: String {
        switch self {
        case .noSuchKernel(let names): "bench: --only: expected names of kernels, found '\(names)'. See --help."
        case .noFeatures(let source): "bench: \(source): expected features, found none. Import it with --features."
        case .noEdges(let graph):
            "bench: \(graph): no edges: expected a pin on a board, found none. Name another graph."
        case .samplerEnded(let words): "bench: a sampler ended: expected batches, found: \(words)"
        case .wrong(let kernel, let difference):
            "bench: \(kernel): the result is not that of the formula: \(difference). Run `make test`."
        }
    }
}

/// Kernels of one team in every precision that the CPU has.
private struct KernelsByPrecision {
    private let float32: Kernels
    private let bfloat16: Kernels?

    init(threads: Int) {
        let team = ThreadTeam(threads: threads)
        float32 = Kernels(team: team)
        bfloat16 = Precision.hasBFloat16 ? Kernels(team: team, precision: .bfloat16) : nil
    }

    subscript(_ precision: Precision) -> Kernels {
        precision == .bfloat16 ? bfloat16 ?? float32 : float32
    }
}

/// Rounds of timings, interleaved: what disturbs the machine for a while disturbs all alike.
private struct KernelRounds {
    let cases: [KernelCase]
    let threadCounts: [Int]

    func run(rounds: Int) throws -> KernelReport {
        let kernels = threadCounts.map { KernelsByPrecision(threads: $0) }
        var limits = [MachineLimits](repeating: MachineLimits(), count: kernels.count)
        var samples = [[Samples]](repeating: [Samples](repeating: Samples(), count: cases.count), count: kernels.count)
        var scalarSeconds: [Double] = []
        for item in cases {
            let start = steadySeconds()
            item.scalar()
            scalarSeconds.append((steadySeconds() - start) / item.scalarShare)
            for each in kernels {
                item.run(each[item.precision])
                if let difference = item.difference() {
                    throw BenchError.wrong(kernel: item.name, difference: difference)
                }
            }
        }
        let line = ProgressLine()
        for round in 0..<rounds {
            for (index, each) in kernels.enumerated() {
                limits[index].measure(each[.float32])
                for (number, item) in cases.enumerated() {
                    line.update("round \(round + 1) of \(rounds): \(item.name)")
                    samples[index][number].add(time { item.run(each[item.precision]) })
                }
            }
        }
        line.finish("\(rounds) rounds, every result checked against its formula")
        return report(kernels, limits, samples, scalarSeconds)
    }

    private func report(
        _ kernels: [KernelsByPrecision], _ limits: [MachineLimits], _ samples: [[Samples]], _ scalarSeconds: [Double]
    ) -> KernelReport {
        var entries: [KernelReport.Entry] = []
        for (number, item) in cases.enumerated() {
            for (index, each) in kernels.enumerated() {
                entries.append(
                    KernelReport.Entry(
                        item, samples[index][number], limits[index], threads: each[.float32].team.threadCount,
                        scalarSeconds: scalarSeconds[number]))
            }
        }
        return KernelReport(
            machine: Machine(.best),
            limits: zip(kernels, limits).map { each, limit in
                KernelReport.Limits(
                    threads: each[.float32].team.threadCount, float32Gflops: limit.float32 / 1e9,
                    bfloat16Gflops: limit.bfloat16.map { $0 / 1e9 }, readGbs: limit.read / 1e9,
                    readRowsGbs: limit.readRows / 1e9)
            }, kernels: entries)
    }
}
