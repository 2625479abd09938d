import ArgumentParser
import Basics
import FrontDoor
import GraphStore

/// `pinsage inspect`: a graph in numbers, and every byte of it checked.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show a graph's counts, degrees, features and pending generations, and check every byte of it.")

    @Argument(help: ArgumentHelp("The graph folder.", valueName: "graph"))
    var graph: String

    @Flag(help: "Print the summary as one JSON object on stdout.")
    var json = false

    func run() throws {
        let graph = try BipartiteGraph(directory: graph)
        let line = ProgressLine()
        try graph.verify { text in line.update("checking \(text)") }
        let pending = try PendingGenerations(of: graph)
        try pending.verify()
        let summary = GraphSummary(graph, pending: pending.entries)
        line.finish("\(summary.directory): every checksum, row and id is right")
        if let notice = pending.notice { writeToStandardError(notice) }
        if json {
            try printJSON(summary)
        } else {
            writeToStandardError(Self.text(summary))
        }
    }

    static func text(_ summary: GraphSummary) -> String {
        func row(_ name: String, _ d: DegreeSummary) -> String {
            let mean = (d.mean * 10).rounded() / 10
            return "\(name)  min \(d.min)  p50 \(d.p50)  p90 \(d.p90)  p99 \(d.p99)  max \(d.max)  mean \(mean)"
        }
        var lines = [
            "fingerprint      \(summary.fingerprint)",
            "pins             \(summary.pins), \(summary.pinsWithoutBoards) without boards",
            "boards           \(summary.boards)",
            "edges            \(summary.edges)",
            row("boards of a pin", summary.pinDegrees),
            row("pins of a board", summary.boardDegrees),
        ]
        if let features = summary.features {
            let length = (features.meanLength * 1000).rounded() / 1000
            lines.append(
                "features         \(features.source), \(features.elementType), width \(features.width), "
                    + "mean length \(length), \(features.zeroRows) zero rows")
        } else {
            lines.append("features         none")
        }
        lines.append(
            "walk layout      \(summary.hasWalkLayout ? "as the rows say" : "none: `pinsage layout` makes it")")
        lines += summary.pending.map {
            "generation       \($0.generation), pending: \($0.edges) edges, \($0.newPins) new pins, "
                + "\($0.removedPins) removed pins"
        }
        return lines.joined(separator: "\n")
    }
}
