import ArgumentParser
import Basics
import Foundation
import GraphStore

/// `pinsage-bench walks`: walks and whole neighbourhoods beside the rate of random cache lines.
struct WalksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "walks",
        abstract:
            "Time random walks and neighbourhoods beside the rate at which this machine reads random cache lines.",
        discussion: """
            T = 10 walks of L = 50 steps, K = 25 neighbours, restart 0.5 unless another is named. The limit is measured \
            in the same run, on a table as large as the graph's walk layout: chains of random cache lines, prefetched, \
            at the best number of chains. A step from row to row over compressed rows needs four lines; the share is \
            that of a quarter of the limit. Rates are those of one core, by processor time. Every way gives the same \
            neighbourhoods, which is checked first.
            """)

    @Option(help: ArgumentHelp("Graphs to write and walk on: small, medium, large.", valueName: "graph,…"))
    var graphs = "small,medium"

    @Option(help: ArgumentHelp("Rounds, 1 … 1000.", valueName: "n"))
    var rounds = 5

    @Option(help: ArgumentHelp("Keep the graphs in this folder, and take those that are there.", valueName: "folder"))
    var keep: String?

    @Option(help: ArgumentHelp("Only print the neighbourhoods a second on this graph.", valueName: "graph"))
    var rate: String?

    @Flag(help: "Print the result as one JSON object on stdout.")
    var json = false

    func validate() throws {
        let known = WalkGraph.all.map(\.name)
        guard graphs.split(separator: ",").allSatisfy({ known.contains(String($0)) }) else {
            throw ValidationError("--graphs: expected some of \(known.joined(separator: ",")), found \(graphs).")
        }
        guard (1...1000).contains(rounds) else {
            throw ValidationError("--rounds: expected 1 … 1000, found \(rounds).")
        }
    }

    func run() throws {
        if let rate { return print(try WalkRounds.neighborhoodRate(graph: rate)) }
        let scratch = ScratchFolder(keeping: keep)
        defer { scratch.remove() }
        let line = ProgressLine()
        let wanted = graphs.split(separator: ",").map(String.init)
        var entries: [WalkReport.Graph] = []
        for graph in WalkGraph.all where wanted.contains(graph.name) {
            let path = "\(scratch.path)/\(graph.name)"
            if !FileManager.default.fileExists(atPath: path) {
                try graph.shape.write(to: path) { line.update("\(graph.name): writing \($0)") }
            }
            entries.append(try WalkRounds(path: path, name: graph.name).run(rounds: rounds, line))
            if keep == nil { try FileManager.default.removeItem(atPath: path) }
        }
        line.finish("\(rounds) rounds, every way gives the same neighbourhoods")
        let report = WalkReport(machine: Machine(.best), graphs: entries)
        if json { try printJSON(report) } else { print(report.table) }
    }
}

/// A graph to walk on.
struct WalkGraph {
    let name: String
    let shape: PowerLawGraph

    static let all = [
        WalkGraph(
            name: "small", shape: PowerLawGraph(pins: 100_000, boards: 40_000, edges: 1_000_000, seed: 1)),
        WalkGraph(
            name: "medium", shape: PowerLawGraph(pins: 5_000_000, boards: 2_000_000, edges: 60_000_000, seed: 1)),
        WalkGraph(
            name: "large", shape: PowerLawGraph(pins: 30_000_000, boards: 12_000_000, edges: 400_000_000, seed: 1)),
    ]
}

/// The timings of all graphs.
struct WalkReport: Encodable {
    struct Lines: Encodable {
        let chains: Int
        /// Cache lines a second.
        let rate: Double
    }

    struct Entry: Encodable {
        let name: String
        /// `steps` or `neighborhoods`, of `rate`.
        let unit: String
        /// A second of processor time of one core: the median.
        let rate: Double
        /// Half the distance between the quartiles, as a share of the median.
        let spread: Double
    }

    struct Graph: Encodable {
        let name: String
        let pins: Int
        let boards: Int
        let edges: Int
        let layoutBytes: Int
        /// Of the table of random lines, and of what was touched of the layout: the share in pages of 2 MB.
        let tableHugeShare: Double
        let layoutHugeShare: Double
        let lines: [Lines]
        let entries: [Entry]

        /// Steps a second if each waited for nothing but four random lines.
        var bound: Double { (lines.map(\.rate).max() ?? 0) / 4 }
    }

    let machine: Machine
    let graphs: [Graph]

    /// For people: Markdown.
    var table: String {
        var lines = ["\(machine.cpu), \(machine.processors) processors", ""]
        for graph in graphs {
            let rates = graph.lines.map { String(format: "%d: %.1f", $0.chains, $0.rate / 1e6) }
            lines += [
                "\(graph.name): \(graph.pins) pins, \(graph.boards) boards, \(graph.edges) edges. "
                    + String(
                        format: "Walk layout %.2f GB, %.0f %% of it in huge pages, of the table of lines %.0f %%.",
                        1e-9 * Double(graph.layoutBytes), 100 * graph.layoutHugeShare, 100 * graph.tableHugeShare),
                "Random lines, millions a second, by chains: \(rates.joined(separator: ", "))"
                    + String(format: "; a quarter of the best: %.1f.", graph.bound / 1e6), "",
            ]
        }
        lines += ["| graph | one core | rate | spread | of the bound |", "|---|---|---|---|---|"]
        for graph in graphs {
            for entry in graph.entries {
                let isSteps = entry.unit == "steps"
                let rate =
                    isSteps
                    ? String(format: "%.1f M steps/s", entry.rate / 1e6) : String(format: "%.0f /s", entry.rate)
                let share = isSteps ? String(format: "%.0f %%", 100 * entry.rate / graph.bound) : "–"
                lines.append(
                    String(
                        format: "| %@ | %@ | %@ | ± %.0f %% | %@ |", graph.name, entry.name, rate, 100 * entry.spread,
                        share))
            }
        }
        return lines.joined(separator: "\n")
    }
}
